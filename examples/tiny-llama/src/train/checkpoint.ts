// Checkpoints to resume from (weights, the optimiser's moments, the log so far) and the finished model as a Hugging Face
// directory. Nothing that differs between two equal runs is written, so equal runs have equal digests.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../contract.js';
import { BOS, EOS, toHuggingFace } from '../model/config.js';
import { readSafetensors, writeSafetensors } from '../model/safetensors.js';
import { tokenizerConfigJson, tokenizerJson } from '../model/tokenizer.js';
import type { TrainParams } from './params.js';
import type { StateName, Trainer } from './trainer.js';

export const CHECKPOINT_FORMAT = 'tiny-llama';

/** As Hugging Face's Trainer logs. */
export type LogEntry = { step: number; loss: number; learning_rate: number; grad_norm: number } | { step: number; eval_loss: number };

export interface Progress {
  step: number;
  log: LogEntry[];
}

const FILES: Readonly<Record<StateName, string>> = { weights: 'model.safetensors', firstMoment: 'optimizer-m.safetensors', secondMoment: 'optimizer-v.safetensors' };
const STATE = 'state.json';
const PARTS = Object.keys(FILES) as StateName[];

const writeJson = (path: string, value: unknown): void => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** What makes a run's bits, beside its data: the model, the data order and the schedule. */
const identityOf = ({ config, steps, batch, context, learningRate, warmup, seed, clip }: TrainParams) => ({ config, steps, batch, context, learningRate, warmup, seed, clip });

/** Writes a checkpoint whole under a temporary name first: a directory that has its name is complete. Returns the name. */
export function saveCheckpoint(folder: string, trainer: Trainer, params: TrainParams, progress: Progress): string {
  const name = `step-${progress.step}`;
  const temporary = join(folder, `.${name}`);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  for (const part of PARTS) writeSafetensors(join(temporary, FILES[part]), trainer.state(part));
  writeJson(join(temporary, STATE), { format: CHECKPOINT_FORMAT, identity: JSON.stringify(identityOf(params)), ...progress });
  rmSync(join(folder, name), { recursive: true, force: true });
  renameSync(temporary, join(folder, name));
  return name;
}

/** As `name before → now`, of what is not equal. */
function changes(before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(now).flatMap((name) => (before[name] === now[name] ? [] : [`${name} ${JSON.stringify(before[name]) ?? 'unset'} → ${JSON.stringify(now[name])}`]));
}

/**
 * Loads a checkpoint into a trainer. One of another model cannot be gone on from: a ConfigurationError. One of another schedule
 * can, and is what a person asks for who changes a parameter after a divergence: `changed` says what differs.
 */
export function loadCheckpoint(folder: string, trainer: Trainer, params: TrainParams): Progress & { changed: string[] } {
  const state = JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as Progress & { format: string; identity: string };
  if (state.format !== CHECKPOINT_FORMAT) throw new ConfigurationError(`the checkpoint is of the format ${state.format}, not ${CHECKPOINT_FORMAT}`);
  const { config: configBefore, ...before } = JSON.parse(state.identity) as ReturnType<typeof identityOf>;
  const { config, ...now } = identityOf(params);
  const reshaped = changes({ ...configBefore }, { ...config });
  if (reshaped.length > 0) throw new ConfigurationError(`the checkpoint is of another model: ${reshaped.join(', ')}; give the parameters of its model, or train from the start`);
  if (state.step > params.steps) throw new ConfigurationError(`the checkpoint is of step ${state.step}, beyond steps ${params.steps}: give at least as many, or train from the start`);
  for (const part of PARTS) {
    const missing = new Map(trainer.state(part).map(([name, { values }]) => [name, values]));
    readSafetensors(join(folder, FILES[part]), (name, { values }) => {
      const target = missing.get(name);
      if (target?.length !== values.length) throw new Error(`the checkpoint's ${FILES[part]} has a tensor ${name} of ${values.length} values that does not fit`);
      target.set(values);
      missing.delete(name);
    });
    if (missing.size > 0) throw new Error(`the checkpoint's ${FILES[part]} lacks ${[...missing.keys()].join(', ')}`);
  }
  return { step: state.step, log: state.log, changed: changes(before, now) };
}

/** The finished model, loadable by `transformers` and whatever else reads such directories. */
export function writeModel(folder: string, trainer: Trainer, { config, steps, batch }: TrainParams, log: readonly LogEntry[]): void {
  mkdirSync(folder, { recursive: true });
  writeSafetensors(join(folder, 'model.safetensors'), trainer.state('weights'));
  writeJson(join(folder, 'config.json'), toHuggingFace(config));
  writeJson(join(folder, 'generation_config.json'), { _from_model_config: true, bos_token_id: BOS, eos_token_id: EOS });
  writeJson(join(folder, 'tokenizer.json'), tokenizerJson());
  writeJson(join(folder, 'tokenizer_config.json'), tokenizerConfigJson(config.maxPositions));
  writeJson(join(folder, 'trainer_state.json'), { global_step: steps, max_steps: steps, train_batch_size: batch, is_world_process_zero: true, log_history: log });
}
