// A fault between two starts: once the checkpoint of step 30 is published, kills the trainer and turns a byte of the
// newest published checkpoint around. Runs inside the training job.
// usage: node damage-newest.mjs PID
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const published = join(dirname(dirname(process.env.FERRY_CHECKPOINT_DIR)), 'checkpoints');
while (!existsSync(join(published, 'r1.a1-30/checkpoint.json'))) await delay(20);
process.kill(Number(process.argv[2]), 'SIGKILL');
// The wrapper may be publishing the next one just now.
await delay(500);
const newest = readdirSync(published).filter((name) => name.startsWith('r1.a1-')).sort((a, b) => Number(a.slice(6)) - Number(b.slice(6))).at(-1);
const folder = join(published, newest, 'data');
const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, name)).filter((path) => path.endsWith('.safetensors'));
const [largest] = files.sort((a, b) => statSync(b).size - statSync(a).size);
const bytes = readFileSync(largest);
bytes[bytes.length - 1] ^= 0xff;
writeFileSync(largest, bytes);
console.log(`damaged ${largest}`);
