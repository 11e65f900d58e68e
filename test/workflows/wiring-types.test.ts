// What a pipeline's author sees of a wrong wiring before anything runs: an error of the compiler on the line of the call.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compilerProblems } from '../docs/blocks.js';
import { ROOT } from '../support/sources.js';

/** Marks the one line of a fixture on which an error is expected. */
const WRONG = '// wrong';

const STAGES = `import { approvalStage, artifact, jobStage } from 'modelferry/workflow';

export const LLAMA = 'sha256:${'1'.repeat(64)}';
export const QWEN = 'sha256:${'2'.repeat(64)}';
const corpus = artifact('dataset');
const evaluation = artifact('evaluation');
const ready = artifact('model', { dtype: 'bf16', layout: 'hf-shards', tokenizer: LLAMA });

export const makes = {
  ready: jobStage({ consumes: { corpus }, produces: { ready } }),
  fp32: jobStage({ consumes: { corpus }, produces: { fp32: artifact('model', { dtype: 'fp32', layout: 'hf-shards', tokenizer: LLAMA }) } }),
  open: jobStage({ consumes: { corpus }, produces: { open: artifact('model', { layout: 'hf-shards', tokenizer: LLAMA }) } }),
  flat: jobStage({ consumes: { corpus }, produces: { flat: artifact('model', { dtype: 'bf16', layout: 'one-file', tokenizer: LLAMA }) } }),
  qwen: jobStage({ consumes: { corpus }, produces: { qwen: artifact('model', { dtype: 'bf16', layout: 'hf-shards', tokenizer: QWEN }) } }),
};

export const reads = {
  serve: jobStage({ consumes: { model: ready }, produces: { served: evaluation } }),
  anyModel: jobStage({ consumes: { model: artifact('model') }, produces: { any: evaluation } }),
  perhaps: jobStage({ consumes: { model: ready, audit: { ...artifact('audit'), optional: true } }, produces: { perhaps: evaluation } }),
  evaluate: jobStage({ consumes: { model: ready }, produces: { score: evaluation } }),
  one: jobStage({ consumes: { score: evaluation }, produces: { once: evaluation } }),
  summarise: jobStage({ consumes: { scores: { ...evaluation, many: true } }, produces: { summary: evaluation } }),
  compare: jobStage({ consumes: { models: { ...ready, many: true } }, produces: { compared: evaluation } }),
  approve: approvalStage({ consumes: { model: ready, summary: { ...evaluation, optional: true } } }),
};
`;

/** The body of a pipeline with all of the stages; its last line is marked where it must not compile. */
const pipeline = (body: string): string => `import { artifact, definePipeline } from 'modelferry/workflow';
import * as z from 'zod';
import { LLAMA, makes, reads } from './stages.js';

export const subject = definePipeline({
  name: 'subject',
  inputs: { corpus: artifact('dataset'), given: artifact('model', { dtype: 'fp32', layout: 'hf-shards', tokenizer: LLAMA }), fits: artifact('model', { dtype: 'bf16', layout: 'hf-shards', tokenizer: LLAMA }) },
  params: z.object({ suites: z.array(z.string()), steps: z.number() }),
  stages: { ...makes, ...reads },
  run: async (stages, { inputs, params }) => {
    const { corpus } = inputs;
    await Promise.resolve([corpus, stages, params]);
${body.replaceAll(/^/gm, '    ')}
  },
});
`;

/** What compiles. */
const RIGHT: Record<string, string> = {
  'what one stage makes, read by another': 'const { ready } = await stages.ready({ corpus });\nawait stages.serve({ model: ready });',
  'more declared than the reader asks for': 'const { fp32 } = await stages.fp32({ corpus });\nawait stages.anyModel({ model: fp32 });',
  'what the run begins with': 'await stages.serve({ model: inputs.fits });\nawait stages.ready(inputs);',
  'an optional input left out': 'await stages.perhaps({ model: inputs.fits });\nawait stages.approve({ model: inputs.fits });',
  'a fan-out over the params, and all of its outputs together': 'const results = await stages.evaluate.each(params.suites, { model: inputs.fits }, { limit: 2 });\nawait stages.summarise({ scores: results.map(({ score }) => score) });',
  'items with params of their own': "await stages.evaluate.each([{ id: 'a', params: { shots: 5 } }, 'b'], { model: inputs.fits });",
  'the outputs of two stages as many': 'const { ready } = await stages.ready({ corpus });\nawait stages.compare({ models: [ready, inputs.fits] });',
};

/** What does not, by what is wrong, with what the compiler must say. */
const REFUSED: Record<string, [body: string, says: RegExp]> = {
  'another kind': [`await stages.serve({ model: corpus }); ${WRONG}`, /"dataset".*"model"/s],
  'another dtype': [`const { fp32 } = await stages.fp32({ corpus });\nawait stages.serve({ model: fp32 }); ${WRONG}`, /"fp32".*"bf16"/s],
  'no dtype where the reader needs one': [`const { open } = await stages.open({ corpus });\nawait stages.serve({ model: open }); ${WRONG}`, /dtype/],
  'another layout': [`const { flat } = await stages.flat({ corpus });\nawait stages.serve({ model: flat }); ${WRONG}`, /"one-file".*"hf-shards"/s],
  'another tokenizer': [`const { qwen } = await stages.qwen({ corpus });\nawait stages.serve({ model: qwen }); ${WRONG}`, /sha256:2+.*sha256:1+/s],
  'an input of the run in another dtype': [`await stages.serve({ model: inputs.given }); ${WRONG}`, /"fp32".*"bf16"/s],
  'a required input left out': [`await stages.perhaps({}); ${WRONG}`, /model.*missing/s],
  'no inputs at all': [`await stages.serve(); ${WRONG}`, /Expected 1 arguments/],
  'an input that the stage does not read': [`await stages.serve({ model: inputs.fits, corpus }); ${WRONG}`, /corpus.*does not exist/s],
  'an optional input of another kind': [`await stages.perhaps({ model: inputs.fits, audit: corpus }); ${WRONG}`, /"dataset".*"audit"/s],
  'one artifact where many are read': [`const { served } = await stages.serve({ model: inputs.fits });\nawait stages.summarise({ scores: served }); ${WRONG}`, /scores|readonly/],
  'many of which one is of another dtype': [`await stages.compare({ models: [inputs.fits, inputs.given] }); ${WRONG}`, /"fp32".*"bf16"/s],
  'the outputs of a fan-out where one is read': [`const results = await stages.evaluate.each(params.suites, { model: inputs.fits });\nawait stages.one({ score: results.map(({ score }) => score) }); ${WRONG}`, /\[\]/],
  'the inputs of a fan-out in another dtype': [`await stages.evaluate.each(params.suites, { model: inputs.given }); ${WRONG}`, /"fp32".*"bf16"/s],
  'items that are no texts': [`await stages.evaluate.each([params.steps], { model: inputs.fits }); ${WRONG}`, /number.*FanOutItem/s],
  'a stage that is misspelt': [`await stages.serv({ model: inputs.fits }); ${WRONG}`, /serv.*did you mean 'serve'/is],
  'an output that is misspelt': [`const { redy } = await stages.ready({ corpus }); ${WRONG}\nvoid redy;`, /redy.*does not exist/s],
  'an input of the run that it does not have': [`await stages.serve({ model: inputs.fit }); ${WRONG}`, /fit.*did you mean 'fits'/is],
  'a param that the schema does not have': [`void params.seed; ${WRONG}`, /seed.*does not exist/s],
  'a param of another type': [`const steps: string = params.steps; ${WRONG}\nvoid steps;`, /number.*string/s],
};

const folder = (mkdirSync(join(ROOT, '.cache'), { recursive: true }), mkdtempSync(join(ROOT, '.cache/wiring-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (what: string): string => `${what.replaceAll(/\W+/g, '-')}.ts`;

/** What the compiler says of each fixture: by its file, the line and the whole message. One call of it for all. */
let said: Map<string, { line: number; message: string }[]>;
beforeAll(() => {
  const paths = { 'modelferry/*': ['../../src/public/*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { paths, noUnusedLocals: false }, include: ['*.ts'] }));
  writeFileSync(join(folder, 'stages.ts'), STAGES);
  for (const [what, body] of Object.entries(RIGHT)) writeFileSync(join(folder, fileOf(what)), pipeline(body));
  for (const [what, [body]] of Object.entries(REFUSED)) writeFileSync(join(folder, fileOf(what)), pipeline(body));
  said = new Map();
  for (const part of compilerProblems(folder).join('\n').split(/\n(?=\S)/)) {
    const [, file = '', line = '', message = ''] = /^(?:.*\/)?([^/(]+)\((\d+),\d+\): ([\s\S]*)$/.exec(part) ?? [];
    said.set(file, [...(said.get(file) ?? []), { line: Number(line), message }]);
  }
}, 120_000);

describe('the compiler', () => {
  it.each(Object.keys(RIGHT))('takes %s', (what) => {
    expect(said.get(fileOf(what))).toBeUndefined();
  });

  it.each(Object.entries(REFUSED))('refuses %s, on the line of the call and on no other', (what, [body, says]) => {
    const line = pipeline(body).split('\n').findIndex((text) => text.includes(WRONG)) + 1;
    const found = said.get(fileOf(what)) ?? [];
    expect(found.map((problem) => problem.line)).toEqual([line]);
    expect(found[0]?.message).toMatch(says);
  });

  it('says nothing of the stages themselves', () => {
    const files = [...Object.keys(RIGHT), ...Object.keys(REFUSED)].map(fileOf);
    expect([...said.keys()].filter((file) => !files.includes(file))).toEqual([]);
  });
});
