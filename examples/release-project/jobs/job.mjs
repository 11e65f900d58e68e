// What every job needs of the contract: inputs are folders, parameters a JSON file, progress JSON lines, outputs folders.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const { env } = process;
export const params = JSON.parse(readFileSync(env.FERRY_PARAMS_FILE, 'utf8'));
export const input = (name, file) => readJson(join(env[`FERRY_INPUT_${name.toUpperCase()}`], file));
export const output = (name, file, value) => writeJson(join(env.FERRY_OUTPUT_DIR, name, file), value);
export const report = (line) => appendFileSync(env.FERRY_PROGRESS_FILE, `${JSON.stringify(line)}\n`);

/** Whether a model did well is a verdict and no exit code: what is no pass is put before a person. */
export const judge = (passed, reason) => report({ verdict: { value: passed ? 'pass' : 'fail', reasons: [reason] } });

/** Reported only once it is whole on the disk: the next attempt may go on from it. */
export function saveCheckpoint(step, weights) {
  const path = join(env.FERRY_CHECKPOINT_DIR, `step-${step}`);
  writeJson(join(path, 'weights.json'), { step, ...weights });
  report({ checkpoint: { step, path } });
}

/** What the attempt before this one saved; undefined for a fresh start. */
export const resumed = () => (env.FERRY_RESUME_FROM ? readJson(join(env.FERRY_RESUME_FROM, 'weights.json')) : undefined);

/** The model: a line. */
export const predict = ({ slope, offset }, x) => slope * x + offset;

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value)}\n`);
}
