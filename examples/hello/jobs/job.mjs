// The job contract in a few lines: the environment in, JSON lines of progress out. No packages.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const params = JSON.parse(readFileSync(process.env.FERRY_PARAMS_FILE, 'utf8'));
export const readJson = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

/** A file of an input such as `dataset`; undefined where the run began after the stage that makes it. */
export const input = (name, file) => {
  const folder = process.env[`FERRY_INPUT_${name.toUpperCase()}`];
  return folder === undefined ? undefined : readJson(folder, file);
};

/** Leaves a file in an output such as `dataset`. */
export const output = (name, file, value) => writeJson(join(process.env.FERRY_OUTPUT_DIR, name, file), value);

export const report = (line) => appendFileSync(process.env.FERRY_PROGRESS_FILE, `${JSON.stringify(line)}\n`);

/** Announced only once it is whole on the disk: what is announced may be resumed from. */
export function saveCheckpoint(step, weights) {
  report({ phase: 'saving' });
  const path = join(process.env.FERRY_CHECKPOINT_DIR, `step-${step}`);
  writeJson(join(path, 'weights.json'), { step, ...weights });
  report({ checkpoint: { step, path } });
}

/** What the attempt before this one left, or undefined for a fresh start. */
export const resumedWeights = () => (process.env.FERRY_RESUME_FROM ? readJson(process.env.FERRY_RESUME_FROM, 'weights.json') : undefined);

export const predict = ({ slope, offset }, x) => slope * x + offset;

/** The mean absolute error of a model on points with labels. */
export const meanError = (weights, points, labels) => points.reduce((sum, x, i) => sum + Math.abs(predict(weights, x) - labels[i]), 0) / points.length;

function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value)}\n`);
}
