// A spec whose artifacts do not fit together is told by ferry plan, with the place in the spec to mend.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { call } from './call.js';

const dir = mkdtempSync(join(tmpdir(), 'ferry-wiring-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SPEC = `schema: modelferry.run/1
model: m
version: "1"
stages:
  train: { attempts: [{ command: [x] }] }
  convert: { job: { command: [x] }, produces: { model: { dtype: bf16 } } }
  validateOnAscend: { job: { command: [x] }, consumes: { model: { dtype: bf16 } } }
`;

async function planned(spec: string): Promise<{ code: number; problems: { path: string; expected: string }[]; text: string }> {
  writeFileSync(join(dir, 'run.yaml'), spec);
  const { code, out } = await call(['plan', 'run.yaml', '--json'], { cwd: dir });
  const { err: text } = await call(['plan', 'run.yaml'], { cwd: dir });
  const answer = JSON.parse(out) as { error?: { problems: { path: string; expected: string }[] } };
  return { code, problems: answer.error?.problems ?? [], text };
}

describe('ferry plan', () => {
  it('takes a spec whose facets fit', async () => {
    expect(await planned(SPEC)).toMatchObject({ code: 0, problems: [] });
  });

  it.each<[string, (spec: string) => string, string, string]>([
    ['a dtype that the stage before does not make', (spec) => spec.replace('consumes: { model: { dtype: bf16', 'consumes: { model: { dtype: fp16'), 'stages.validateOnAscend.consumes.model', 'what convert makes: dtype bf16 instead of fp16'],
    ['a dtype that the stage before does not declare', (spec) => spec.replace(', produces: { model: { dtype: bf16 } }', ''), 'stages.validateOnAscend.consumes.model', 'what convert makes: dtype not declared instead of bf16'],
    ['an artifact that the stage does not make', (spec) => spec.replace('produces: { model:', 'produces: { modle:'), 'stages.convert.produces.modle', 'an artifact that convert produces: model, audit'],
    ['an input that nothing makes', (spec) => spec.replace(/ {2}train.*\n/, ''), 'stages.convert', 'its input checkpoint: add the stage train, or give checkpoint under inputs'],
  ])('exits with 2 and names the place for %s', async (_what, change, path, expected) => {
    const { code, problems, text } = await planned(change(SPEC));
    expect(code).toBe(2);
    expect(problems).toContainEqual(expect.objectContaining({ path, expected }));
    expect(text).toContain(`${path}: `);
    expect(text).toContain(expected);
  });

  it('says of an input by path that it declares nothing of what a stage needs, as the start would', async () => {
    writeFileSync(join(dir, 'given.yaml'), `schema: modelferry.run/1\nmodel: m\nversion: "1"\ninputs: { model: { path: weights } }\nstages:\n  validateOnAscend: { job: { command: [x] }, consumes: { model: { dtype: bf16 } } }\n`);
    const { code, out } = await call(['plan', 'given.yaml', '--json'], { cwd: dir });
    expect(code).toBe(2);
    expect((JSON.parse(out) as { problems: unknown[] }).problems).toEqual([
      { path: 'inputs.model', found: 'weights, which does not fit the stage validateOnAscend: dtype not declared instead of bf16', expected: 'a model as validateOnAscend needs it', suggestion: expect.stringContaining('ferry artifact add PATH --kind model --annotate') as unknown },
    ]);
  });
});
