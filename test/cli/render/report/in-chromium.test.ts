import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../../../../src/cli/render/report/page.js';
import { findChromium, openBrowser } from '../../../support/chromium.mjs';
import { RELEASED, inputOf } from './kit.js';

const chromium = findChromium();

describe.skipIf(chromium === undefined)('the page in Chromium (which must be on PATH)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-page-'));
  const file = join(folder, 'report.html');
  let context: BrowserContext;
  let close: () => Promise<void> = async () => {};
  beforeAll(async () => {
    writeFileSync(file, renderReport(inputOf(RELEASED)).html);
    ({ context, close } = await openBrowser(chromium ?? ''));
  }, 60_000);
  afterAll(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  /** The page from the disk, with everything that it asked for or complained of. */
  async function open({ scheme = 'light', width = 1100 }: { scheme?: 'light' | 'dark'; width?: number } = {}): Promise<{ page: Page; heard: string[] }> {
    const page = await context.newPage();
    const heard: string[] = [];
    page.on('console', (message) => heard.push(message.text()));
    page.on('pageerror', (error) => heard.push(error.message));
    page.on('request', (request) => heard.push(request.url()));
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(pathToFileURL(file).href);
    return { page, heard };
  }

  it('opens from a file, asks for nothing else and complains of nothing', async () => {
    const { page, heard } = await open();
    expect(heard).toEqual([pathToFileURL(file).href]);
    const text = await page.locator('body').innerText();
    for (const said of ['tiny-llama 1.2.0', 'Simulated:', 'Pipeline', 'fell back from ascend to nvidia', 'Training loss', 'duplicate of another document', 'closes brackets', '13,599,872', 'Noise floor', 'figures checked against the last release', 'HCCL timeout', 'node-7', 'ferry release verify --run tiny-v1', 'Digests in full']) expect(text).toContain(said);
    await page.close();
  });

  it('is light or dark as the reader has it, and readable in both', async () => {
    const look = async (scheme: 'light' | 'dark'): Promise<number[]> => {
      const { page } = await open({ scheme });
      const colours = await page.evaluate(`['backgroundColor', 'color'].map((name) => getComputedStyle(document.body)[name])`);
      const brightness = (colours as string[]).map((colour) => (colour.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3);
      await page.close();
      return brightness;
    };
    const [[ground = 0, text = 0], [darkGround = 0, darkText = 0]] = [await look('light'), await look('dark')];
    expect(ground - text).toBeGreaterThan(180);
    expect(darkText - darkGround).toBeGreaterThan(180);
  });

  it.each([1100, 400])('is no wider than a window of %i pixels: what is wide scrolls in its place', async (width) => {
    const { page } = await open({ width });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    const sizes = (await page.evaluate(`[...document.querySelectorAll('svg[role="img"]')].map((svg) => svg.getBoundingClientRect().width)`)) as number[];
    expect(Math.min(...sizes)).toBeGreaterThan(60);
    // Text in drawings is not scaled down with them.
    const text = (await page.evaluate(`[...document.querySelectorAll('svg text:not(.server)')].map((text) => text.getBoundingClientRect().height)`)) as number[];
    expect(Math.min(...text)).toBeGreaterThan(10);
    await page.close();
  });

  it('opens a digest to its whole without any program', async () => {
    const { page } = await open();
    const digest = page.locator('#stages details.fold').first();
    expect(await digest.locator('code.full').isVisible()).toBe(false);
    await digest.locator('summary').click();
    expect(await digest.locator('code.full').innerText()).toMatch(/^sha256:[0-9a-f]{64}$/);
    await page.close();
  });
});
