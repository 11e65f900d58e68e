// Runs the suites one after the other and adds them up. A suite that can't run counts as a failure, a skip is named.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'ferry-ci-'));
/** @type {{passed: number, failed: number, skipped: string[]}} */
const totals = { passed: 0, failed: 0, skipped: [] };
const rows = [];
const say = (text) => process.stdout.write(`${text}\n`);

function timed(name, work) {
  const from = Date.now();
  const { passed, failed } = work();
  totals.passed += passed;
  totals.failed += failed;
  rows.push(`${name.padEnd(22)} ${String(passed).padStart(5)} passed ${String(failed).padStart(3)} failed ${((Date.now() - from) / 1000).toFixed(0).padStart(5)} s`);
  say(rows.at(-1));
}

/** A command that passes or fails as a whole. */
const step = (name, command, ...args) =>
  timed(name, () => {
    const { status } = spawnSync(command, args, { stdio: 'inherit' });
    return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
  });

const suite = (name, ...args) =>
  timed(name, () => {
    const report = join(scratch, `${name.replaceAll(' ', '-')}.json`);
    const { status } = spawnSync('npx', ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args], { stdio: 'inherit' });
    let result;
    try {
      result = JSON.parse(readFileSync(report, 'utf8'));
    } catch (error) {
      say(`${name} left no report: ${error.message}`);
      return { passed: 0, failed: 1 };
    }
    for (const file of result.testResults)
      for (const test of file.assertionResults) if (test.status === 'pending' || test.status === 'skipped' || test.status === 'todo') totals.skipped.push(test.fullName);
    // A file that does not load, or a hook that fails, has no failed test in the count.
    const failed = Math.max(result.numFailedTests, status === 0 ? 0 : 1);
    return { passed: result.numPassedTests, failed };
  });

step('typecheck', 'npm', 'run', '--silent', 'typecheck');
step('lint', 'npm', 'run', '--silent', 'lint');
suite('unit', '--project', 'unit');
suite('guarantees', '--project', 'guarantees');
if (process.argv.includes('--bench')) step('benchmarks', 'npm', 'run', '--silent', 'bench');

rmSync(scratch, { recursive: true, force: true });
say('');
for (const row of rows) say(row);
say(`skipped: ${totals.skipped.length}`);
for (const name of totals.skipped) say(`  skipped: ${name}`);
say(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
