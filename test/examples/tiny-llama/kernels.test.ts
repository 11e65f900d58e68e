import { describe, expect, it } from 'vitest';
import { Layout, newMemory, openEngine, packedSize, roundUp } from '../../../examples/tiny-llama/src/model/engine.js';
import { rmsNorm, rotate, rotationOf, softmaxRow } from '../../../examples/tiny-llama/src/model/layers.js';
import { normal } from '../../../examples/tiny-llama/src/model/random.js';

const engine = openEngine(newMemory(200_000));
const { floats } = engine;

function filled(layout: Layout, count: number, seed: number): number {
  const at = layout.take(count);
  for (let i = 0; i < count; i++) floats[at + i] = normal(seed, i);
  return at;
}

describe('the matrix product', () => {
  const shapes = [[1, 8, 1], [4, 8, 4], [7, 13, 9], [13, 24, 7], [16, 258, 33], [66, 40, 64]] as const;

  it.each(shapes)('is the textbook sum for %i x %i over %i, with B given by columns', (m, n, k) => {
    const layout = new Layout();
    const [a, b, c, panels] = [filled(layout, m * k, 1), filled(layout, n * k, 2), layout.take(m * roundUp(n, 8)), layout.take(packedSize(n, k))];
    engine.pack(panels, b, 1, k, n, k);
    engine.gemm(c, roundUp(n, 8), a, k, panels, m, n, k, 0);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let x = 0; x < k; x++) sum += floats[a + i * k + x]! * floats[b + j * k + x]!;
        expect(floats[c + i * roundUp(n, 8) + j]).toBeCloseTo(sum, 4);
      }
    }
  });

  it.each(shapes)('adds to what is there for %i x %i over %i, with A given by columns', (m, n, k) => {
    const layout = new Layout();
    const [a, b, c] = [filled(layout, m * k, 3), filled(layout, n * k, 4), layout.take(m * roundUp(n, 8))];
    const [panels, left] = [layout.take(packedSize(n, k)), layout.take(packedSize(m, k))];
    floats.fill(0.5, c, c + m * roundUp(n, 8));
    engine.pack(panels, b, n, 1, n, k);
    engine.pack(left, a, m, 1, m, k);
    engine.gemmPanels(c, roundUp(n, 8), left, panels, m, n, k, 1);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0.5;
        for (let x = 0; x < k; x++) sum += floats[a + x * m + i]! * floats[b + x * n + j]!;
        expect(floats[c + i * roundUp(n, 8) + j]).toBeCloseTo(sum, 4);
      }
    }
  });
});

describe('the other kernels', () => {
  it('exps is e^x to single precision, and sums up', () => {
    const values = Array.from({ length: 64 }, (_, i) => (i - 32) * 2.6);
    floats.set(values, 16);
    const sum = engine.exps(16, 64, 0.75);
    const expected = Array.from(new Float32Array(values), (value) => Math.exp(value - 0.75));
    expected.forEach((value, i) => expect(Math.abs(floats[16 + i]! / value - 1)).toBeLessThan(4e-7));
    expect(Math.abs(sum / expected.reduce((total, value) => total + value, 0) - 1)).toBeLessThan(1e-6);
  });

  it('swiglu is silu(gate) * up', () => {
    const layout = new Layout();
    const [gate, up, out] = [filled(layout, 32, 5), filled(layout, 32, 6), layout.take(32)];
    engine.swiglu(out, gate, up, 32);
    for (let i = 0; i < 32; i++) expect(floats[out + i]).toBeCloseTo((floats[gate + i]! / (1 + Math.exp(-floats[gate + i]!))) * floats[up + i]!, 5);
  });

  it('adamw is the published rule', () => {
    const layout = new Layout();
    const [w, g, m, v] = [filled(layout, 4, 7), filled(layout, 4, 8), filled(layout, 4, 9), filled(layout, 4, 10)];
    for (let i = 0; i < 4; i++) floats[v + i] = Math.abs(floats[v + i]!);
    const before = [w, g, m, v].map((at) => [...floats.subarray(at, at + 4)]) as [number[], number[], number[], number[]];
    engine.adamw(w, g, m, v, 4, 0.5, 0.01, 0.1, 0.9, 0.98, 0.3, 0.2, 1e-8);
    for (let i = 0; i < 4; i++) {
      const gradient = before[1][i]! * 0.5;
      const first = 0.9 * before[2][i]! + 0.1 * gradient;
      const second = 0.98 * before[3][i]! + 0.02 * gradient ** 2;
      expect(floats[m + i]).toBeCloseTo(first, 5);
      expect(floats[v + i]).toBeCloseTo(second, 5);
      expect(floats[w + i]).toBeCloseTo(before[0][i]! - 0.01 * (first / 0.3 / (Math.sqrt(second / 0.2) + 1e-8) + 0.1 * before[0][i]!), 5);
    }
  });
});

describe('the layers', () => {
  it('RMSNorm divides by the root of the mean square', () => {
    const layout = new Layout();
    const [x, weight, y, inverse] = [filled(layout, 24, 11), filled(layout, 8, 12), layout.take(24), layout.take(3)];
    rmsNorm(floats, y, x, weight, inverse, 3, 8, 1e-5);
    for (let row = 0; row < 3; row++) {
      const values = [...floats.subarray(x + row * 8, x + row * 8 + 8)];
      const rms = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / 8 + 1e-5);
      values.forEach((value, i) => expect(floats[y + row * 8 + i]).toBeCloseTo((value / rms) * floats[weight + i]!, 5));
    }
  });

  it("the rotation is Hugging Face's: x cos + rotate_half(x) sin", () => {
    const layout = new Layout();
    const x = filled(layout, 2 * 2 * 8, 13);
    const before = [...floats.subarray(x, x + 32)];
    rotate(floats, x, 2, 2, 8, rotationOf(6, 8, 10000), (row) => row + 3, 1);
    for (let row = 0; row < 2; row++) {
      for (let head = 0; head < 2; head++) {
        const own = before.slice((row * 2 + head) * 8, (row * 2 + head + 1) * 8);
        const half = [...own.slice(4).map((value) => -value), ...own.slice(0, 4)];
        own.forEach((value, i) => {
          const angle = (row + 3) * 10000 ** (-(i % 4) / 4);
          expect(floats[x + (row * 2 + head) * 8 + i]).toBeCloseTo(value * Math.cos(angle) + half[i]! * Math.sin(angle), 5);
        });
      }
    }
    rotate(floats, x, 2, 2, 8, rotationOf(6, 8, 10000), (row) => row + 3, -1);
    before.forEach((value, i) => expect(floats[x + i]).toBeCloseTo(value, 5));
  });

  it('softmax gives what is masked no weight at all', () => {
    floats.set([1, 2, 3, 50, 60, 70, 80, 90], 16);
    softmaxRow(floats, engine.exps, 16, 3, 8, 2);
    const sum = Math.exp(2) + Math.exp(4) + Math.exp(6);
    [2, 4, 6].forEach((value, i) => expect(floats[16 + i]).toBeCloseTo(Math.exp(value) / sum, 6));
    expect([...floats.subarray(19, 24)]).toEqual([0, 0, 0, 0, 0]);
  });
});
