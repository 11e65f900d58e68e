// Trains a small Llama on the dataset's bytes, on the CPU. The training job of this example: docs/job-contract.md has its
// environment. SIGTERM saves and leaves with 75; the next attempt goes on from there, to the same bits.
import { isMainThread, workerData } from 'node:worker_threads';
import { EXIT, input, output, readParams, report, required, runJob, turn, ConfigurationError, type Environment } from '../contract.js';
import { CHECKPOINT_FORMAT, loadCheckpoint, saveCheckpoint, writeModel, type LogEntry, type Progress } from './checkpoint.js';
import { evenWindow, readSplit, tokenStream, trainingWindows } from './data.js';
import { learningRateAt, trainParams, type TrainParams } from './params.js';
import { joinTeam, type TeamMember } from './team.js';
import { createTrainer, trainerTask, type Trainer, type TrainerShare } from './trainer.js';

/** Steps between entries of the log that goes into the model's directory. */
const LOG_EVERY = 10;

async function train(env: Environment, stopping: () => boolean): Promise<number> {
  const params = trainParams(readParams(env));
  const dataset = input(env, 'DATASET');
  const checkpoints = required(env, 'FERRY_CHECKPOINT_DIR');
  const [trainStream, heldOut] = ['train', 'heldout'].map((split) => streamOf(dataset, split, params.context)) as [Int32Array, Int32Array];
  const { config, batch, context, steps } = params;
  const trainer = createTrainer({ config, batch, context }, { threads: params.threads, script: import.meta.url, seed: params.seed, clip: params.clip });
  const count = trainer.state('weights').reduce((sum, [, { values }]) => sum + values.length, 0);
  console.log(`${config.layers} layers, ${config.dim} wide, ${count} parameters; ${trainStream.length} tokens to train on, ${heldOut.length} held out; ${params.threads} threads`);

  let progress: Progress = { step: 0, log: [] };
  const resumeFrom = env['FERRY_RESUME_FROM'];
  if (resumeFrom) {
    const { changed, ...found } = loadCheckpoint(resumeFrom, trainer, params);
    progress = found;
    if (changed.length > 0) console.log(`the checkpoint was made with another schedule, training goes on with the new one: ${changed.join(', ')}`);
    console.log(`resumed from step ${progress.step}`);
  }
  const save = (): void => {
    report(env, { phase: 'saving' });
    const path = saveCheckpoint(checkpoints, trainer, params, progress);
    report(env, { checkpoint: { step: progress.step, path, format: CHECKPOINT_FORMAT } });
  };
  const tokens = new Int32Array(batch * (context + 1));
  const began = performance.now();
  const first = progress.step;
  const leave = (): number => {
    if (progress.step > first) save();
    console.log(`${progress.step > first ? `saved step ${progress.step}` : 'nothing new to save'} on SIGTERM; exit ${EXIT.tryAgain} asks for another try`);
    return EXIT.tryAgain;
  };
  let lastHeldOut = heldOutLosses(progress.log).at(-1) ?? NaN;
  /** Whether the look at the held-out loss that is due was had. One that SIGTERM cut short is had again after the resume. */
  const looked = async (loss?: number): Promise<boolean> => {
    const { step, log } = progress;
    const due = step % params.evalEvery === 0 || step === steps;
    if (!due || log.some((entry) => entry.step === step && 'eval_loss' in entry)) return true;
    const found = await evaluate(trainer, tokens, heldOut, params, stopping);
    if (found === undefined) return false;
    lastHeldOut = found;
    log.push({ step, eval_loss: found });
    console.log(`step ${step}/${steps}: ${loss === undefined ? '' : `loss ${loss.toFixed(3)}, `}held out ${found.toFixed(3)}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return true;
  };

  if (!(await looked())) return leave();
  while (progress.step < steps) {
    const step = progress.step + 1;
    const rate = learningRateAt(step, params);
    trainingWindows(tokens, trainStream, { seed: params.seed, step, count: batch, length: context });
    const { loss, gradientNorm } = await trainer.step(tokens, step, rate);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      console.error(`the loss is ${loss} and the gradient's norm ${gradientNorm} at step ${step}: training diverged; a lower learningRate (now ${params.learningRate}) or a lower clip may help`);
      return EXIT.failed;
    }
    progress.step = step;
    if (step % LOG_EVERY === 0 || step === steps) progress.log.push({ step, loss, learning_rate: rate, grad_norm: gradientNorm });
    if (!(await looked(loss))) return leave();
    const tokensPerSecond = Math.round(((step - first) * batch * context) / ((performance.now() - began) / 1000));
    report(env, { step, total: steps, metrics: { loss, heldOutLoss: lastHeldOut, learningRate: rate, gradientNorm, tokensPerSecond } });
    await turn();
    if (stopping() && step < steps) return leave();
    if (step % params.checkpointEvery === 0 && step < steps) save();
  }
  const firstHeldOut = heldOutLosses(progress.log)[0] ?? NaN;
  // The last metrics are what the stage shows for good.
  report(env, { phase: 'saving', metrics: { firstHeldOutLoss: firstHeldOut, heldOutLoss: lastHeldOut, parameters: count, tokens: steps * batch * context } });
  writeModel(output(env, 'checkpoint'), trainer, params, progress.log);
  console.log(`done: held-out loss ${lastHeldOut.toFixed(4)} nats a byte after ${steps} steps`);
  await trainer.close();
  return EXIT.done;
}

function streamOf(dataset: string, split: string, context: number): Int32Array {
  const stream = tokenStream(readSplit(dataset, split));
  if (stream.length <= context + 1) throw new ConfigurationError(`the split ${split} has ${stream.length} tokens, too few for one window of ${context} and its successor`);
  return stream;
}

const heldOutLosses = (log: readonly LogEntry[]): number[] => log.flatMap((entry) => ('eval_loss' in entry ? [entry.eval_loss] : []));

/** The mean loss over windows that are spread evenly over the held-out stream, the same ones at each look; undefined when stopped. */
async function evaluate(trainer: Trainer, tokens: Int32Array, stream: Int32Array, { batch, context, evalTokens }: TrainParams, stopping: () => boolean): Promise<number | undefined> {
  const batches = Math.ceil(evalTokens / (batch * context));
  let sum = 0;
  for (let index = 0; index < batches; index++) {
    await turn();
    if (stopping()) return undefined;
    for (let row = 0; row < batch; row++) evenWindow(tokens.subarray(row * (context + 1)), stream, index * batch + row, batches * batch, context);
    sum += await trainer.loss(tokens);
  }
  return sum / batches;
}

if (isMainThread) {
  let stop = false;
  process.on('SIGTERM', () => (stop = true));
  process.exitCode = await runJob(() => train(process.env, () => stop));
  // Helper threads that wait for work would keep the process.
  process.exit();
} else {
  const { control, share } = workerData as TeamMember<TrainerShare>;
  joinTeam(control, trainerTask(share));
}
