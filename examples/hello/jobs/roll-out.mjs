// Stand-in for a roll-out: counts the release up to all of an imaginary traffic.
import { output, report } from './job.mjs';

const steps = [1, 10, 50, 100];
for (const [i, percent] of steps.entries()) {
  report({ step: i + 1, total: steps.length, metrics: { percent } });
  console.log(`${percent} % of the (imaginary) traffic`);
}
output('rollout', 'rollout.json', { percent: 100, traffic: 'imaginary' });
