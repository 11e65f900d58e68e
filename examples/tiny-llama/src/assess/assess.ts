// Measures a checkpoint on the held-out split and holds it against the declared bar. Measuring is the job: it ends with 0
// whatever comes out, and the verdict is data that a gate acts on. SIGTERM ends it with 75: nothing is kept of a part.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, EXIT, input, output, readParams, report, runJob, StoppedError, turn, type Environment } from '../contract.js';
import { UnsupportedModelError } from '../model/config.js';
import { loadModel, type LoadedModel } from '../model/load-model.js';
import { readSplit, tokenStream } from '../train/data.js';
import { estimatesOf, intervalText, judge, type Estimates, type Measured } from './judge.js';
import { assessParams, type AssessParams } from './params.js';
import { clozeItems, scoreHeldOut, solves } from './score.js';

async function measure({ decoder }: LoadedModel, dataset: string, params: AssessParams, env: Environment, stopping: () => boolean): Promise<Measured> {
  const documents = readSplit(dataset, 'heldout');
  const context = Math.min(params.context, decoder.capacity);
  const items = clozeItems(documents.map(({ text }) => Buffer.from(text, 'utf8')), { count: params.clozeItems, context, seed: params.seed });
  const stream = tokenStream(documents);
  let said = 0;
  const went = async (step: number, total: number): Promise<void> => {
    await turn();
    if (stopping()) throw new StoppedError(`stopped on SIGTERM after ${step} of ${total} windows and items; exit ${EXIT.tryAgain} asks for another try`);
    if (performance.now() - said < 250 && step < total) return;
    said = performance.now();
    report(env, { step, total, metrics: {} });
  };
  const heldOut = await scoreHeldOut(decoder, stream, { context, maxTokens: params.maxTokens }, (done, of) => went(done, of + items.length));
  const windows = heldOut.losses.length;
  const cloze = { items: items.length, solved: 0 };
  for (const [index, item] of items.entries()) {
    if (solves(decoder, item)) cloze.solved += 1;
    await went(windows + index + 1, windows + items.length);
  }
  console.log(`${windows * context} of ${stream.length} held-out tokens in windows of ${context} (maxTokens ${params.maxTokens}); ${items.length} cloze items`);
  return { heldOut, cloze };
}

const share = (value: number): string => value.toFixed(3);

/** Only what was measured stands as an item: `of` is never 0. */
function itemsOf({ cloze }: Measured, tokens: number, estimates: Estimates): { name: string; score: number; of: number; detail: string }[] {
  return [
    { name: 'nextByteAccuracy', score: estimates.nextByte.value, of: tokens, detail: `held-out tokens at which the likeliest token is the right one; ${intervalText(estimates.nextByte, share)}` },
    { name: 'cloze', score: estimates.cloze.value, of: cloze.items, detail: `held-out texts that are likelier after what they follow than after another document's; ${intervalText(estimates.cloze, share)}` },
  ].filter(({ of }) => of > 0);
}

async function assess(env: Environment, stopping: () => boolean): Promise<number> {
  const params = assessParams(readParams(env));
  const dataset = input(env, 'DATASET');
  const measured = await measure(load(input(env, 'CHECKPOINT'), params.context), dataset, params, env, stopping);
  const windows = measured.heldOut.losses.length;
  if (windows === 0) throw new ConfigurationError(`the held-out split is shorter than one window of ${params.context} tokens: nothing can be measured`);
  const verdict = judge(measured, params);
  const estimates = estimatesOf(measured);
  const tokens = windows * measured.heldOut.window;
  const folder = output(env, 'quality');
  mkdirSync(folder, { recursive: true });
  const quality = { schema: 'modelferry.quality/1', verdict, heldOut: { tokens, loss: estimates.loss.value }, items: itemsOf(measured, tokens, estimates), bar: params.bar };
  writeFileSync(join(folder, 'quality.json'), `${JSON.stringify(quality, null, 2)}\n`);
  const total = windows + measured.cloze.items;
  report(env, { step: total, total, metrics: { heldOutLoss: estimates.loss.value, nextByteAccuracy: estimates.nextByte.value, clozeAccuracy: estimates.cloze.value } });
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

let stop = false;
process.on('SIGTERM', () => (stop = true));
process.exitCode = await runJob(() => assess(process.env, () => stop));
