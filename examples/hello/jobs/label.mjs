// Stand-in for labelling: a teacher who knows the line gives each point its value.
import { input, output, predict, report } from './job.mjs';

const points = input('dataset', 'points.json');
output('labels', 'labels.json', points.map((x) => predict({ slope: 3, offset: -1 }, x)));
report({ step: points.length, total: points.length });
console.log(`${points.length} labels`);
