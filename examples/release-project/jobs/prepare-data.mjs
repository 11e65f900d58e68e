// Points of the line 3x - 1, the same ones for the same seed.
import { output, params, report } from './job.mjs';

let state = params.seed;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
const points = Array.from({ length: params.points }, () => random() * 2 - 1).map((x) => ({ x, y: 3 * x - 1 }));
output('dataset', 'points.json', points);
report({ step: points.length, total: points.length });
console.log(`${points.length} points from seed ${params.seed}`);
