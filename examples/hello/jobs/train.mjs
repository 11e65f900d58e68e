// Stand-in for training: gradient descent on a line. Saves every fifth step, on SIGTERM too, and goes on from there.
import { input, meanError, output, params, predict, report, resumedWeights, saveCheckpoint } from './job.mjs';

const points = input('dataset', 'points.json');
const labels = input('labels', 'labels.json');
let { step, ...weights } = resumedWeights() ?? { step: 0, slope: 0, offset: 0 };
console.log(`${process.env.FERRY_BACKEND} (simulated), attempt ${process.env.FERRY_ATTEMPT}, ${step === 0 ? 'from the beginning' : `resumed from step ${step}`}`);

let stopping = false;
process.on('SIGTERM', () => (stopping = true));

while (step < params.steps) {
  if (stopping) {
    saveCheckpoint(step, weights);
    console.log(`saved step ${step} on SIGTERM; exit 75 asks for another try`);
    process.exit(75);
  }
  if (step === params.failAtStep) {
    console.error(`simulated device error at step ${step}: link between chips 0 and 1 is down`);
    process.exit(1);
  }
  await new Promise((done) => setTimeout(done, params.stepMs));
  weights = descend(weights);
  step += 1;
  report({ step, total: params.steps, metrics: { loss: meanError(weights, points, labels) } });
  if (step % 5 === 0) saveCheckpoint(step, weights);
}
output('checkpoint', 'weights.json', weights);
console.log(`done at step ${step}, mean error ${meanError(weights, points, labels).toFixed(4)}`);

function descend({ slope, offset }) {
  const errors = points.map((x, i) => predict({ slope, offset }, x) - labels[i]);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { slope: slope - mean(errors.map((e, i) => e * points[i])), offset: offset - mean(errors) };
}
