// The converted model and the checkpoint must answer alike.
import { input, judge, output, params, predict, report } from './job.mjs';

const [model, checkpoint] = [input('model', 'model.json'), input('checkpoint', 'weights.json')];
const worst = Math.max(...input('dataset', 'points.json').map(({ x }) => Math.abs(predict(model, x) - predict(checkpoint, x))));
output('validation', 'validation.json', { worst, ...params });
report({ step: 1, total: 1, metrics: { worst } });
judge(worst <= params.maxDifference, `largest difference ${worst.toFixed(4)}, at most ${params.maxDifference} wanted`);
