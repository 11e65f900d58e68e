// Takes a picture of a run in the Temporal Web UI, by default of examples/tiny-llama at its approval gate, and prints
// what the page says as text. Needs a Chromium on PATH and a built project.
// usage: node scripts/ui-picture.mjs FILE.png [--run RUN] [--tab "User Metadata"]
//   without --run: starts its own `ferry dev` in a temporary home, brings examples/tiny-llama to its gate (minutes on a
//                  small machine), and ends it again
//   with --run:    shows that run of the `ferry dev` that is running ($FERRY_HOME)
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findChromium, openBrowser, textOf } from '../test/support/chromium.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FERRY = join(ROOT, 'bin/ferry.js');
/** `ferry start --wait` that has come to a person. */
const EXIT_UNDECIDED = 3;

const EXAMPLE = 'examples/tiny-llama/release.yaml';

const DETAILS = 'User Metadata';
/** Nothing on the UI's pages says that they are drawn. */
const DRAWN_MS = 6000;
/** Less the bar at the side, which is not in the picture, 1244 wide: a page of documentation shows it at a legible size. */
const VIEWPORT = { width: 1500, height: 1700 };
const MARGIN = 16;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { run: { type: 'string' }, tab: { type: 'string', default: DETAILS } } });
const [file] = positionals;
const executable = findChromium();
if (file === undefined || executable === undefined) {
  process.stderr.write(file === undefined ? 'usage: node scripts/ui-picture.mjs FILE.png [--run RUN] [--tab TAB]\n' : 'No chromium on PATH\n');
  process.exit(2);
}

const url = values.run === undefined ? undefined : (await ferry(['status', values.run, '--json'], process.env)).ui;
if (values.run === undefined) await withOwnRun(picture);
else if (url) await picture(url);
else {
  process.stderr.write(`No Web UI is known for ${values.run}\n`);
  process.exit(1);
}

async function picture(page) {
  const browser = await openBrowser(executable);
  try {
    const tab = await browser.context.newPage();
    await tab.setViewportSize(VIEWPORT);
    await tab.goto(page);
    await tab.getByRole('tab', { name: values.tab }).or(tab.getByRole('link', { name: values.tab })).first().click();
    // The third frame is the current details, which only a worker can tell: without one there is nothing to wait for.
    if (values.tab === DETAILS) await tab.frameLocator('iframe').nth(2).locator('main').waitFor({ timeout: DRAWN_MS }).catch(() => undefined);
    else await tab.waitForTimeout(DRAWN_MS / 2);
    await tab.screenshot({ path: resolve(file), clip: await shownPart(tab) });
    process.stdout.write(`${await textOf(tab)}\n`);
  } finally {
    await browser.close();
  }
}

/** The run's own part of the page; of the details down to the end of the current ones, since the spec beside them goes on. */
async function shownPart(tab) {
  const whole = await tab.locator('main#content').boundingBox();
  const current = values.tab === DETAILS ? await tab.locator('iframe').nth(2).boundingBox({ timeout: 1000 }).catch(() => null) : null;
  if (whole === null || current === null) return whole ?? undefined;
  return { ...whole, height: Math.min(whole.height, current.y + current.height + MARGIN - whole.y) };
}

async function withOwnRun(show) {
  const home = await mkdtemp(join(tmpdir(), 'ferry-picture-'));
  // Somebody's name on every machine alike: the picture is for documentation.
  const env = { ...process.env, FERRY_HOME: home, FERRY_USER: 'ada' };
  const dev = spawn(process.execPath, [FERRY, 'dev', '--port', '0', '--ui-port', '0', '--json'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => dev.once('exit', done));
  try {
    const ready = await Promise.race([createInterface({ input: dev.stdout })[Symbol.asyncIterator]().next(), ended]);
    if (typeof ready !== 'object' || ready === null) throw new Error('ferry dev did not start');
    const { ui } = await ferry(['start', join(ROOT, EXAMPLE), '--id', 'tiny-llama', '--wait', '--json'], env);
    await show(ui);
  } finally {
    dev.kill('SIGINT');
    await ended;
    await rm(home, { recursive: true, force: true });
  }
}

/** The answer of a command. */
function ferry(args, env) {
  return new Promise((done, fail) => {
    execFile(process.execPath, [FERRY, ...args], { env }, (error, stdout, stderr) => {
      if (error !== null && error.code !== EXIT_UNDECIDED) fail(new Error(stderr || stdout || error.message));
      else done(JSON.parse(stdout));
    });
  });
}
