// Stand-in for conversion: each weight is rounded to what the target type can hold.
import { input, output, params, report } from './job.mjs';

const MANTISSA_BITS = { bf16: 7, fp16: 10, fp32: 23 };
const bits = MANTISSA_BITS[params.dtype];
if (bits === undefined) {
  console.error(`unknown dtype ${params.dtype}: one of ${Object.keys(MANTISSA_BITS).join(', ')}`);
  process.exit(78);
}
const round = (value) => {
  if (value === 0) return 0;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits);
  return Math.round(value / unit) * unit;
};
const { slope, offset } = input('checkpoint', 'weights.json');
output('model', 'model.json', { dtype: params.dtype, slope: round(slope), offset: round(offset) });
report({ step: 2, total: 2 });
console.log(`2 weights as ${params.dtype}`);
