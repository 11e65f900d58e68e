// A job under modelferry's contract, which any language can keep: inputs in directories, parameters in a JSON file,
// progress as JSON lines, outputs below FERRY_OUTPUT_DIR. What it "tunes" is a table of word counts.
import { appendFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { FERRY_INPUT_CORPUS, FERRY_OUTPUT_DIR, FERRY_PARAMS_FILE, FERRY_PROGRESS_FILE } = process.env;
const { steps } = JSON.parse(readFileSync(FERRY_PARAMS_FILE, 'utf8'));
if (!Number.isInteger(steps) || steps < 1) {
  // 78: no other try can help, a person is asked at once.
  console.error(`steps is a whole number of at least 1, not ${JSON.stringify(steps)}`);
  process.exit(78);
}

const words = readdirSync(FERRY_INPUT_CORPUS).flatMap((file) => readFileSync(join(FERRY_INPUT_CORPUS, file), 'utf8').toLowerCase().match(/\p{L}+/gu) ?? []);
const counts = {};
for (let step = 1; step <= steps; step += 1) {
  const part = words.slice(Math.floor(((step - 1) * words.length) / steps), Math.floor((step * words.length) / steps));
  for (const word of part) counts[word] = (counts[word] ?? 0) + 1;
  appendFileSync(FERRY_PROGRESS_FILE, `${JSON.stringify({ step, total: steps, metrics: { vocabulary: Object.keys(counts).length } })}\n`);
  await sleep(10);
}
mkdirSync(join(FERRY_OUTPUT_DIR, 'model'), { recursive: true });
writeFileSync(join(FERRY_OUTPUT_DIR, 'model', 'model.json'), JSON.stringify(counts));
console.log(`counted ${words.length} words in ${steps} steps`);
