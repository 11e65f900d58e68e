// Scores a model on one suite: how many of the suite's words the model has seen.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { FERRY_INPUT_MODEL, FERRY_OUTPUT_DIR, FERRY_PARAMS_FILE } = process.env;
const { item } = JSON.parse(readFileSync(FERRY_PARAMS_FILE, 'utf8'));
const SUITES = { ferries: ['ferry', 'shore', 'papers'], trains: ['train', 'shore', 'rail'], ships: ['ship', 'sea', 'shore'] };
if (!Object.hasOwn(SUITES, item)) {
  console.error(`there is no suite ${item}; there are ${Object.keys(SUITES).join(', ')}`);
  process.exit(78);
}
const counts = JSON.parse(readFileSync(join(FERRY_INPUT_MODEL, 'model.json'), 'utf8'));
const score = SUITES[item].filter((word) => Object.hasOwn(counts, word)).length / SUITES[item].length;
mkdirSync(join(FERRY_OUTPUT_DIR, 'score'), { recursive: true });
writeFileSync(join(FERRY_OUTPUT_DIR, 'score', 'score.json'), JSON.stringify({ suite: item, score }));
console.log(`${item}: ${score}`);
