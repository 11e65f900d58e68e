/**
 * Bits of an element, by the name that a safetensors header gives the dtype. The format has these and no others
 * (`Dtype` of the reference implementation, huggingface/safetensors 0.6).
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
} as const;
export type Dtype = keyof typeof DTYPE_BITS;

export const isDtype = (name: string): name is Dtype => Object.hasOwn(DTYPE_BITS, name);

/**
 * Bytes of a tensor of that dtype and shape; a scalar, of shape [], has one element. Undefined where they are no whole
 * number, or more than a number of JavaScript holds exactly.
 */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | undefined {
  // A dimension of 0 makes the product 0, however large the others are.
  const elements = shape.includes(0) ? 0 : shape.reduce((product, dimension) => product * dimension, 1);
  const bytes = (elements * DTYPE_BITS[dtype]) / 8;
  return Number.isSafeInteger(elements) && Number.isSafeInteger(bytes) ? bytes : undefined;
}
