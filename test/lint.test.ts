import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './support/sources.js';

/** Each file with the rules that it must break; the same file without the mistake stands beside it as `ok`. */
const PLANTED: Record<string, { text: string; rules: string[] }> = {
  'src/workflows/stages/validator.ts': {
    text: `import { defineUpdate, setHandler } from '@temporalio/workflow';
export const up = defineUpdate<string, [string]>('up');
export function listen(): void {
  setHandler(up, (s) => s, { validator: async (s: string) => { await Promise.resolve(); if (s === '') throw new TypeError('empty'); } });
}
`,
    rules: ['typescript(no-misused-promises)'],
  },
  'src/workflows/validator-ok.ts': {
    text: `import { defineUpdate, setHandler } from '@temporalio/workflow';
export const up = defineUpdate<string, [string]>('up');
export function listen(): void {
  setHandler(up, (s) => s, { validator: (s: string) => { if (s === '') throw new TypeError('empty'); } });
}
`,
    rules: [],
  },
  'src/workflows/floating.ts': { text: 'export function start(): void {\n  Promise.resolve(1);\n}\n', rules: ['typescript(no-floating-promises)'] },
  'src/workflows/stages/node.ts': { text: "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n", rules: ['eslint(no-restricted-imports)'] },
  'src/workflows/stages/value.ts': { text: "import { b } from '../../activities/b.js';\nexport const c = b;\n", rules: ['eslint(no-restricted-imports)'] },
  'src/workflows/stages/value-ok.ts': { text: "import type { B } from '../../activities/b.js';\nimport { failure } from '../../temporal-failure.js';\nexport type C = B;\nexport const fail = failure;\n", rules: [] },
  'src/activities/b.ts': { text: 'export const b = 1;\nexport type B = number;\n', rules: [] },
  'src/temporal-failure.ts': { text: 'export const failure = 1;\n', rules: [] },
  'src/domain/impure.ts': { text: "import { b } from '../activities/b.js';\nimport pino from 'pino';\nexport const c = [b, pino];\n", rules: ['eslint(no-restricted-imports)', 'eslint(no-restricted-imports)'] },
  'src/domain/pure-ok.ts': { text: "import { sha256 } from '@noble/hashes/sha2.js';\nimport * as z from 'zod';\nexport const c = [sha256, z];\n", rules: [] },
  'src/engines/a/knows.ts': { text: "import { Client } from '@temporalio/client';\nexport const c = Client;\n", rules: ['eslint(no-restricted-imports)'] },
  'src/client/prints.ts': { text: "import { listen } from '../workflows/floating.js';\nconsole.log(listen);\n", rules: ['eslint(no-restricted-imports)', 'eslint(no-console)'] },
  'src/cli/commands/status.ts': { text: "import { main } from '../../workers/main.js';\nexport const c = main;\n", rules: ['eslint(no-restricted-imports)'] },
  'src/workers/main.ts': { text: 'export const main = 1;\n', rules: [] },
  'src/engines/a/cycle-a.ts': { text: "import { b } from './cycle-b.js';\nexport const a = (): number => b();\n", rules: ['import(no-cycle)'] },
  'src/engines/a/cycle-b.ts': { text: "import { a } from './cycle-a.js';\nexport const b = (): number => a();\n", rules: ['import(no-cycle)'] },
  'src/engines/a/types.ts': { text: "import { B } from '../../domain/types.js';\nexport const c: B = 1;\nexport const d = (x: any): unknown => x;\n", rules: ['typescript(consistent-type-imports)', 'typescript(no-explicit-any)'] },
  'src/domain/types.ts': { text: 'export type B = number;\n', rules: [] },
  'test/only.test.ts': { text: "import { it } from 'vitest';\nit.only('does', () => undefined);\nit.skip('does not', () => undefined);\n", rules: ['vitest(no-focused-tests)', 'vitest(no-disabled-tests)'] },
};

interface Diagnostic {
  code: string;
  filename: string;
  message: string;
}

describe('the lint', () => {
  let folder: string;
  let found: Diagnostic[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'modelferry-lint-'));
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) cpSync(join(ROOT, name), join(folder, name));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, { text }] of Object.entries(PLANTED)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const output = await new Promise<string>((resolve) =>
      execFile(join(ROOT, 'node_modules/.bin/oxlint'), ['--type-aware', '--threads=1', '-f', 'json', 'src', 'test'], { cwd: folder }, (_error, stdout) => resolve(stdout)),
    );
    found = (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.entries(PLANTED))('finds in %s what is wrong with it, and nothing else', (path, { rules }) => {
    expect(found.filter(({ filename }) => filename === path).map(({ code }) => code).sort()).toEqual([...rules].sort());
  });
});
