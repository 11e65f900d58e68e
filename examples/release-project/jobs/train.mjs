// Gradient descent on a line. It saves every tenth step, and on SIGTERM, and goes on from there.
import { input, output, params, predict, report, resumed, saveCheckpoint } from './job.mjs';

const points = input('dataset', 'points.json');
let { step, ...weights } = resumed() ?? { step: 0, slope: 0, offset: 0 };
let stopping = false;
process.on('SIGTERM', () => (stopping = true));

while (step < params.steps) {
  if (stopping) {
    saveCheckpoint(step, weights);
    process.exit(75); // asks for another try, which costs nothing
  }
  await new Promise((done) => setTimeout(done, 20));
  const errors = points.map(({ x, y }) => predict(weights, x) - y);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  weights = { slope: weights.slope - mean(errors.map((error, i) => error * points[i].x)), offset: weights.offset - mean(errors) };
  step += 1;
  report({ step, total: params.steps, metrics: { loss: mean(errors.map(Math.abs)) } });
  if (step % 10 === 0) saveCheckpoint(step, weights);
}
output('checkpoint', 'weights.json', weights);
console.log(`step ${step}: ${JSON.stringify(weights)}`);
