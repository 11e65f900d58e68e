// Puts the scores of all suites together. Each of a fan-out's artifacts is an input of its own: FERRY_INPUT_SCORE_<ITEM>.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { FERRY_OUTPUT_DIR, FERRY_PROGRESS_FILE } = process.env;
const folders = Object.keys(process.env).filter((name) => name.startsWith('FERRY_INPUT_SCORE_')).sort();
const scores = folders.map((name) => JSON.parse(readFileSync(join(process.env[name], 'score.json'), 'utf8')));
const mean = scores.reduce((sum, { score }) => sum + score, 0) / scores.length;
mkdirSync(join(FERRY_OUTPUT_DIR, 'summary'), { recursive: true });
writeFileSync(join(FERRY_OUTPUT_DIR, 'summary', 'summary.json'), JSON.stringify({ mean, scores }));
appendFileSync(FERRY_PROGRESS_FILE, `${JSON.stringify({ metrics: { mean, suites: scores.length } })}\n`);
