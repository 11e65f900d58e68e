import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNotBuilt } from './support/built.js';

describe('the suites on real parts', () => {
  let root: string;
  const write = (path: string, minute: number): void => {
    writeFileSync(join(root, path), '');
    utimesSync(join(root, path), minute * 60, minute * 60);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'modelferry-built-'));
    for (const folder of ['src/domain', 'dist']) mkdirSync(join(root, folder), { recursive: true });
    write('src/domain/a.ts', 5);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('refuse to start without a built package, and on one that is older than its sources', () => {
    expect(whyNotBuilt(root)).toBe('dist/workflow-bundle.js is missing: run npm run build first');
    write('dist/workflow-bundle.js', 4);
    expect(whyNotBuilt(root)).toBe('dist/workflow-bundle.js is older than src/domain/a.ts: run npm run build first');
  });

  it('start on one that is newer', () => {
    write('dist/workflow-bundle.js', 6);
    expect(whyNotBuilt(root)).toBeUndefined();
  });
});
