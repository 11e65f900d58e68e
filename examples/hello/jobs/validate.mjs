// Stand-in for validation on Ascend: the converted model and its checkpoint must answer alike, point by point.
import { input, output, params, predict, report } from './job.mjs';

const points = input('dataset', 'points.json') ?? [-1, -0.5, 0, 0.5, 1];
const [model, checkpoint] = [input('model', 'model.json'), input('checkpoint', 'weights.json')];
const worst = Math.max(...points.map((x) => Math.abs(predict(model, x) - predict(checkpoint, x))));
report({ step: points.length, total: points.length, metrics: { worst } });
console.log(`largest difference ${worst.toFixed(5)}, allowed ${params.maxError}`);
if (worst > params.maxError) process.exit(1);
output('validation', 'validation.json', { verdict: 'pass', worst, maxError: params.maxError, hardware: 'simulated' });
