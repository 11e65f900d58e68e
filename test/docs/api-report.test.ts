// The reader of declarations behind docs/api, on small packages of its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { apiReports, internalNames, undocumented } from '../../scripts/api-report.mjs';

const folder = mkdtempSync(join(tmpdir(), 'ferry-api-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function packageOf(files: Record<string, string>): string {
  const root = join(folder, `p${count++}`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}
const reportsOf = (files: Record<string, string>): Map<string, string> => apiReports(packageOf(files));

const THING = `import type { Part } from './part.js';
/** A thing. */
export interface Thing {
    /** Its part. */
    part: Part;
    other: import("./part.js").Other;
}
/** As a schema. */
export declare const Shape: z.ZodString;
export type Shape = z.infer<typeof Shape>;
/** Gives a text. */
export declare function make(part: string): string;
/** Gives a number. */
export declare function make(part: number): number;
`;
const PART = `/** Inside. */
export interface Part {
    deep: Deep;
}
type Deep = 'a' | 'b';
export interface Other {
    x: 1;
}
interface Unreached {
    y: 2;
}
export {};
`;
const ENTRY = "/** The entry. */\nexport { make, Shape, type Thing as Named } from '../lib/thing.js';\n";
const FILES = { 'public/a.d.ts': ENTRY, 'lib/thing.d.ts': THING, 'lib/part.d.ts': PART };

describe('the report of the API', () => {
  it('has each exported name once, in order, with its docs, overloads and both halves of a schema', () => {
    expect(reportsOf(FILES).get('a.api.txt')).toBe(`What modelferry/a exports. Made by npm run docs:api.

Named (declared as Thing)
/** A thing. */
interface Thing {
    /** Its part. */
    part: Part;
    other: Other;
}

Shape
/** As a schema. */
const Shape: z.ZodString;
type Shape = z.infer<typeof Shape>;

make
/** Gives a text. */
function make(part: string): string;
/** Gives a number. */
function make(part: number): number;
`);
  });

  it('lists what is mentioned and not exported, however deep, and nothing else', () => {
    expect(internalNames(reportsOf(FILES))).toEqual(['Deep', 'Other', 'Part']);
  });

  it.each<[string, Record<string, string>]>([
    ['an internal type that is reached through another', { ...FILES, 'lib/part.d.ts': PART.replace("'b'", "'c'") }],
    ['a type that is imported inline', { ...FILES, 'lib/part.d.ts': PART.replace('x: 1', 'x: 2') }],
    ['a name that is exported no more', { ...FILES, 'public/a.d.ts': ENTRY.replace('make, ', '') }],
    ['an exported declaration', { ...FILES, 'lib/thing.d.ts': THING.replace('part: number', 'part: bigint') }],
    ['a doc comment', { ...FILES, 'lib/thing.d.ts': THING.replace('Gives a number', 'Gives a figure') }],
  ])('changes with %s', (_what, files) => {
    expect([...reportsOf(files)]).not.toEqual([...reportsOf(FILES)]);
  });

  it('stays as it is when a file is moved, or another is changed that nothing public mentions', () => {
    const moved = { 'public/a.d.ts': ENTRY.replace('../lib/thing.js', '../other/deep/thing.js'), 'other/deep/thing.d.ts': THING.replaceAll('./part.js', '../../lib/part.js'), 'lib/part.d.ts': PART.replace('y: 2', 'y: 3') };
    expect([...reportsOf(moved)]).toEqual([...reportsOf(FILES)]);
  });

  it('follows export *, export * as and several steps, and names packages of others', () => {
    const text = reportsOf({
      ...FILES,
      'public/a.d.ts': "export * from '../lib/all.js';\nexport * as space from '../lib/space.js';\nexport { Client } from '@temporalio/client';\n",
      'lib/all.d.ts': "import { make } from './thing.js';\nexport { make };\n",
      'lib/space.d.ts': '/** One. */\nexport declare const one: 1;\n',
    }).get('a.api.txt');
    expect(text?.match(/^(?:[\w.]+(?: of \S+)?)$/gm)).toEqual(['Client of @temporalio/client', 'make', 'space.one']);
  });

  it('shows once what the domain exports too', () => {
    const reports = reportsOf({ ...FILES, 'public/domain.d.ts': "export { make } from '../lib/thing.js';\n" });
    expect(reports.get('a.api.txt')).toContain('\nmake: make of modelferry/domain\n');
    expect(reports.get('domain.api.txt')).toContain('\nfunction make(part: number)');
  });

  it('leaves the private parts of a class out', () => {
    const text = reportsOf({ 'public/a.d.ts': '/** It. */\nexport declare class It {\n    #private;\n    private readonly inner;\n    readonly outer: string;\n}\n' }).get('a.api.txt');
    expect(text).toContain('class It {\n    readonly outer: string;\n}');
  });

  it.each([
    ['public/a.d.ts', 'export = thing;\n', 'a statement that is not understood'],
    ['public/a.d.ts', 'let me = 1;\n', 'a line that begins no statement'],
    ['public/a.d.ts', "export { gone } from '../lib/part.js';\n", 'which lib/part.d.ts does not have'],
  ])('stops at what it does not know instead of leaving it out: %s with %s', (path, text, problem) => {
    expect(() => reportsOf({ ...FILES, [path]: text })).toThrow(problem);
  });

  it('tells which exported names have no doc comment', () => {
    expect(undocumented(packageOf({ ...FILES, 'public/a.d.ts': "export { Part, type Other as Else } from '../lib/part.js';\n" }))).toEqual(['a: Else']);
  });
});
