import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/**
 * As root in a container there is no sandbox to have. Every other host is unknown: neither the browser nor the UI, which
 * asks for news, is to wait for the internet. A route that aborts would do that too, and turn the cache off.
 */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

/** The machine's own Chromium on PATH, or undefined. */
export function findChromium(env = process.env) {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/** A browser that reaches this machine alone. */
export async function openBrowser(executablePath) {
  const browser = await chromium.launch({ executablePath, args: ARGS });
  const context = await browser.newContext({ viewport: { width: 1400, height: 1500 } });
  return { context, close: () => browser.close() };
}

/** What a page shows as text, with the frames in which the UI draws Markdown. */
export async function textOf(page) {
  const texts = await Promise.all(page.frames().map((frame) => frame.locator('body').innerText({ timeout: 5000 }).catch(() => '')));
  return texts.join('\n');
}
