// The mean error on points that the model was not trained on.
import { input, judge, output, params, predict, report } from './job.mjs';

const weights = input('checkpoint', 'weights.json');
const points = Array.from({ length: 21 }, (_, i) => i / 10 - 1);
const meanError = points.reduce((sum, x) => sum + Math.abs(predict(weights, x) - (3 * x - 1)), 0) / points.length;
output('quality', 'quality.json', { meanError, points: points.length });
report({ step: 1, total: 1, metrics: { meanError } });
judge(meanError <= params.maxError, `mean error ${meanError.toFixed(3)}, at most ${params.maxError} wanted`);
