// Rounds each weight to the precision that is served.
import { input, output } from './job.mjs';

const { slope, offset } = input('checkpoint', 'weights.json');
const rounded = (value) => Math.round(value * 128) / 128;
output('model', 'model.json', { slope: rounded(slope), offset: rounded(offset) });
