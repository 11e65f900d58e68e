// Holds docs/api to what the built package declares: no name comes, goes or changes unseen.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { apiReports, undocumented } from '../../scripts/api-report.mjs';
import { ROOT } from '../support/sources.js';

const DIST = join(ROOT, 'dist');
const PAGES = join(ROOT, 'docs/api');
const WHAT_TO_DO = 'the public API is another than docs/api says: if that is meant, run npm run docs:api and commit what changes; an (internal) name that is new there is better exported by src/public';

it('docs/api is what the compiled package makes of it, internal names that the API mentions included', () => {
  const reports = apiReports(DIST);
  expect(readdirSync(PAGES).sort(), WHAT_TO_DO).toEqual([...reports.keys()].sort());
  for (const [file, text] of reports) expect(readFileSync(join(PAGES, file), 'utf8').split('\n'), WHAT_TO_DO).toEqual(text.split('\n'));
});

it('every public name has a doc comment', () => {
  expect(undocumented(DIST)).toEqual([]);
});

it('package.json exports every entry in src/public, by the files that the report reads', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: Record<string, { types: string; default: string }> };
  for (const source of readdirSync(join(ROOT, 'src/public'))) {
    const entry = source.replace(/\.ts$/, '');
    expect(exports[`./${entry}`], entry).toEqual({ types: `./dist/public/${entry}.d.ts`, default: `./dist/public/${entry}.js` });
  }
});
