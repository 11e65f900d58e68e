// Measures a checkpoint on the held-out split and holds it against the declared bar. Measuring is the job: it ends with 0
// whatever comes out, and the verdict is data that a gate acts on.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, EXIT, input, output, readParams, report, runJob, type Environment } from '../contract.js';
import { UnsupportedModelError } from '../model/config.js';
import { loadModel, type LoadedModel } from '../model/load-model.js';
import { readSplit, tokenStream } from '../train/data.js';
import { assessParams, type AssessParams } from './params.js';
import { clozeItems, scoreHeldOut, solves, type HeldOutScore } from './score.js';

interface Measured {
  heldOut: HeldOutScore;
  cloze: { items: number; shuffled: number; other: number };
}

export interface Judgement {
  value: 'pass' | 'fail' | 'inconclusive';
  reasons: string[];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Too little to measure is inconclusive, whatever the numbers say. Reasons: the deciding ones first. */
export function judge({ heldOut, cloze }: Measured, { bar, minTokens, minClozeItems }: AssessParams): Judgement {
  const scant = [
    ...(heldOut.tokens < minTokens ? [`only ${heldOut.tokens} held-out tokens; ${minTokens} are needed`] : []),
    ...(cloze.items < minClozeItems ? [`only ${cloze.items} cloze items; ${minClozeItems} are needed`] : []),
  ];
  if (scant.length > 0) return { value: 'inconclusive', reasons: scant };
  const accuracy = heldOut.correct / heldOut.tokens;
  const solved = clozeAccuracy(cloze);
  const checks = [
    { met: heldOut.loss <= bar.maxHeldOutLoss, text: `held-out loss ${heldOut.loss.toFixed(3)} nats a byte; at most ${bar.maxHeldOutLoss}` },
    { met: accuracy >= bar.minNextByteAccuracy, text: `next byte right in ${percent(accuracy)}; at least ${percent(bar.minNextByteAccuracy)}` },
    { met: solved >= bar.minClozeAccuracy, text: `cloze right in ${percent(solved)}; at least ${percent(bar.minClozeAccuracy)}` },
  ];
  const missed = checks.filter(({ met }) => !met);
  return { value: missed.length === 0 ? 'pass' : 'fail', reasons: [...missed, ...checks.filter(({ met }) => met)].map(({ text }) => text) };
}

/** Over both kinds of false continuations. */
const clozeAccuracy = ({ items, shuffled, other }: Measured['cloze']): number => (items === 0 ? 0 : (shuffled + other) / (2 * items));

function measure({ decoder }: LoadedModel, dataset: string, params: AssessParams, env: Environment): Measured {
  const documents = readSplit(dataset, 'heldout');
  const context = Math.min(params.context, decoder.capacity);
  const items = clozeItems(documents.map(({ text }) => Buffer.from(text, 'utf8')), { count: params.clozeItems, context, seed: params.seed });
  const stream = tokenStream(documents);
  let said = 0;
  const tell = (step: number, total: number): void => {
    if (performance.now() - said < 250 && step < total) return;
    said = performance.now();
    report(env, { step, total, metrics: {} });
  };
  const heldOut = scoreHeldOut(decoder, stream, { context, maxTokens: params.maxTokens }, (done, of) => tell(done, of + items.length));
  const windows = Math.ceil(heldOut.tokens / context);
  const cloze = { items: items.length, shuffled: 0, other: 0 };
  items.forEach((item, index) => {
    const solved = solves(decoder, item);
    if (solved.shuffled) cloze.shuffled += 1;
    if (solved.other) cloze.other += 1;
    tell(windows + index + 1, windows + items.length);
  });
  console.log(`${heldOut.tokens} of ${stream.length} held-out tokens in windows of ${context} (maxTokens ${params.maxTokens}); ${items.length} cloze items`);
  return { heldOut, cloze };
}

/** Only what was measured stands as an item: `of` is never 0. */
function itemsOf({ heldOut, cloze }: Measured): { name: string; score: number; of: number; detail: string }[] {
  return [
    { name: 'nextByteAccuracy', score: heldOut.correct / heldOut.tokens, of: heldOut.tokens, detail: 'held-out tokens at which the likeliest token is the right one' },
    { name: 'clozeShuffled', score: cloze.shuffled / cloze.items, of: cloze.items, detail: 'real continuations of held-out documents that score above the same bytes shuffled' },
    { name: 'clozeOtherDocument', score: cloze.other / cloze.items, of: cloze.items, detail: 'real continuations that score above one from another held-out document' },
  ].filter(({ of }) => of > 0);
}

function assess(env: Environment): number {
  const params = assessParams(readParams(env));
  const dataset = input(env, 'DATASET');
  const measured = measure(load(input(env, 'CHECKPOINT'), params.context), dataset, params, env);
  const { heldOut } = measured;
  if (heldOut.tokens === 0) throw new ConfigurationError(`the held-out split is shorter than one window of ${params.context} tokens: nothing can be measured`);
  const verdict = judge(measured, params);
  const folder = output(env, 'quality');
  mkdirSync(folder, { recursive: true });
  const quality = { schema: 'modelferry.quality/1', verdict, heldOut: { tokens: heldOut.tokens, loss: heldOut.loss }, items: itemsOf(measured), bar: params.bar };
  writeFileSync(join(folder, 'quality.json'), `${JSON.stringify(quality, null, 2)}\n`);
  const total = Math.ceil(heldOut.tokens / params.context) + measured.cloze.items;
  report(env, { step: total, total, metrics: { heldOutLoss: heldOut.loss, nextByteAccuracy: heldOut.correct / heldOut.tokens, clozeAccuracy: clozeAccuracy(measured.cloze) } });
  report(env, { verdict });
  for (const reason of verdict.reasons) console.log(reason);
  console.log(`verdict: ${verdict.value}`);
  return EXIT.done;
}

function load(folder: string, context: number): LoadedModel {
  try {
    return loadModel(folder, context);
  } catch (error) {
    if (error instanceof UnsupportedModelError) throw new ConfigurationError(error.message);
    throw error;
  }
}

process.exitCode = await runJob(() => Promise.resolve().then(() => assess(process.env)));
