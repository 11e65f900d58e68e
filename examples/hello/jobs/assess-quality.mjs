// Stand-in for the quality gate: the mean error of the checkpoint on points that it was not trained on.
import { input, meanError, output, predict, report } from './job.mjs';

const points = Array.from({ length: 21 }, (_, i) => i / 10 - 1);
const error = meanError(input('checkpoint', 'weights.json'), points, points.map((x) => predict({ slope: 3, offset: -1 }, x)));
output('quality', 'quality.json', { meanError: error, points: points.length });
report({ step: 1, total: 1, metrics: { meanError: error } });
console.log(`mean error ${error.toFixed(4)} on ${points.length} unseen points`);
