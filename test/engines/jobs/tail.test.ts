import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tailFile } from '../../../src/engines/jobs/tail.js';

let place: string;
const log = (text: string): string => {
  writeFileSync(join(place, 'log'), text);
  return join(place, 'log');
};
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-tail-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

it('gives the last lines and counts all', () => {
  expect(tailFile(log('a\nb\nc\n'), 2)).toEqual({ lines: ['b', 'c'], lineCount: 3 });
  expect(tailFile(log('a\nb\nc'), 2)).toEqual({ lines: ['b', 'c'], lineCount: 3 });
  expect(tailFile(log(''), 2)).toEqual({ lines: [], lineCount: 0 });
  expect(tailFile(join(place, 'none'), 2)).toEqual({ lines: [], lineCount: 0 });
});

it('strips colours, control characters and what a progress bar drew over', () => {
  expect(tailFile(log('\u001b[31mred\u001b[0m\u0007\n10%\r55%\r100%\r\n'), 5).lines).toEqual(['red', '100%']);
});

it('bounds each line, whatever the log holds', () => {
  const { lines, lineCount } = tailFile(log(`${'x'.repeat(5_000_000)}\n${'y'.repeat(2000)}\n`), 1);
  expect(lines).toEqual(['y'.repeat(500)]);
  expect(lineCount).toBe(2);
});
