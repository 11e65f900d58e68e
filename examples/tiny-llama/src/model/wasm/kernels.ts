// The kernels: matrix product, softmax's exponentials, SwiGLU and AdamW over vectors of four floats. Every sum has one
// fixed order and nothing is fused, so results are the same bits on any machine and with any number of threads.
// Pointers, strides and counts are in floats. SwiGLU and the exponentials work on multiples of four: buffers are padded.
import { control, f32, i32, v4, type Code, type KernelSource, type Locals } from './assembler.js';

/** Columns of a packed panel, and the multiple to which rows of a product are padded. */
export const PANEL = 8;

const bytes = (count: Code): Code => i32.shl(count, i32.const(2));
const toBytes = ({ get, set }: Locals, names: readonly string[]): Code => names.flatMap((name) => [...set(name, bytes(get(name)))]);
const advance = ({ get, set }: Locals, name: string, by: Code): Code => set(name, i32.add(get(name), by));

/**
 * e^x for four floats in local `x` (`e` is scratch), within 2 units in the last place: x = n ln 2 + r with |r| <= ln 2 / 2, a
 * polynomial for e^r (Cephes expf), and n put into the exponent's bits. Clamped to ±87, where float32 ends.
 */
function exponential({ get, set }: Locals): Code {
  const polynomial = [1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1].reduce<Code>(
    (sum, coefficient) => v4.add(v4.mul(sum, get('x')), v4.const(coefficient)),
    v4.const(1.9875691500e-4),
  );
  return [
    ...set('x', v4.max(v4.min(get('x'), v4.const(87)), v4.const(-87))),
    ...set('e', v4.nearest(v4.mul(get('x'), v4.const(Math.LOG2E)))),
    ...set('x', v4.sub(v4.sub(get('x'), v4.mul(get('e'), v4.const(0.693359375))), v4.mul(get('e'), v4.const(-2.12194440e-4)))),
    ...set('x', v4.add(v4.add(v4.mul(polynomial, v4.mul(get('x'), get('x'))), get('x')), v4.const(1))),
    ...set('x', v4.mul(get('x'), v4.shiftLeft(v4.addInt(v4.toInt(get('e')), v4.splatInt(i32.const(127))), i32.const(23)))),
  ];
}

const TILE_ROWS = 4;
/** Entries of K that one turn of the inner loop takes. */
const UNROLL = 4;
/** Bytes of a panel's row. */
const STEP = 4 * PANEL;
const perRow = (names: readonly string[], type: 'i32' | 'v128') => Object.fromEntries(names.flatMap((name) => Array.from({ length: TILE_ROWS }, (_, row) => [`${name}${row}`, type] as const)));

/** How a product's left matrix is laid out: rows that are contiguous, or packed as panels of 8 rows. */
type LeftSide = 'rows' | 'panels';

/** The next rows lie beside those just done or, after the eighth of a panel, at the start of the next panel. */
const nextInPanels = (locals: Locals, rows: number): Code => [
  ...advance(locals, 'inPanel', i32.const(rows)),
  ...advance(locals, 'aNext', i32.const(4 * rows)),
  ...control.if(i32.eq(locals.get('inPanel'), i32.const(PANEL)), [...locals.set('inPanel', i32.const(0)), ...locals.set('aNext', i32.sub(locals.get('a0'), i32.const(4 * (PANEL - rows))))]),
];

/** `rows` x 8 of a product: accumulators stay in registers over all of K, which is added up in order. */
function tile(locals: Locals, rows: number, left: LeftSide): Code {
  const { get, set } = locals;
  const each = (make: (row: number) => Code): Code => Array.from({ length: rows }, (_, row) => make(row)).flat();
  const multiply = (k: number): Code => [
    ...set('b0', v4.load(get('p'), STEP * k)),
    ...set('b1', v4.load(get('p'), STEP * k + 16)),
    ...each((row) => [
      ...set('s', left === 'rows' ? v4.loadSplat(get(`a${row}`), 4 * k) : v4.loadSplat(get('a0'), STEP * k + 4 * row)),
      ...set(`l${row}`, v4.add(get(`l${row}`), v4.mul(get('s'), get('b0')))),
      ...set(`h${row}`, v4.add(get(`h${row}`), v4.mul(get('s'), get('b1')))),
    ]),
  ];
  const turn = (count: number): Code => [
    ...Array.from({ length: count }, (_, k) => multiply(k)).flat(),
    ...(left === 'rows' ? each((row) => advance(locals, `a${row}`, i32.const(4 * count))) : advance(locals, 'a0', i32.const(STEP * count))),
    ...advance(locals, 'p', i32.const(STEP * count)),
  ];
  return [
    ...set('a0', get('aNext')),
    ...each((row) => (row === 0 ? set('c0', get('cNext')) : [...(left === 'rows' ? set(`a${row}`, i32.add(get(`a${row - 1}`), get('lda'))) : []), ...set(`c${row}`, i32.add(get(`c${row - 1}`), get('ldc')))])),
    ...each((row) => [...set(`l${row}`, v4.const(0)), ...set(`h${row}`, v4.const(0))]),
    ...set('p', get('panel')),
    ...control.while(i32.lt(get('p'), get('turnsEnd')), turn(UNROLL)),
    ...control.while(i32.lt(get('p'), get('panelEnd')), turn(1)),
    ...control.if(get('add'), each((row) => [...set(`l${row}`, v4.add(get(`l${row}`), v4.load(get(`c${row}`)))), ...set(`h${row}`, v4.add(get(`h${row}`), v4.load(get(`c${row}`), 16)))])),
    ...each((row) => [...v4.store(get(`c${row}`), get(`l${row}`)), ...v4.store(get(`c${row}`), get(`h${row}`), 16)]),
    ...set('cNext', i32.add(get(`c${rows - 1}`), get('ldc'))),
    ...(left === 'rows' ? advance(locals, 'aNext', i32.mul(get('lda'), i32.const(rows))) : nextInPanels(locals, rows)),
  ];
}

/** C[m x n] = or += A B: rows of C have room for a multiple of 8 columns, all of which are written. B is packed. */
function product(left: LeftSide): KernelSource {
  return {
    params: { c: 'i32', ldc: 'i32', a: 'i32', ...(left === 'rows' ? { lda: 'i32' as const } : {}), panel: 'i32', m: 'i32', n: 'i32', k: 'i32', add: 'i32' },
    locals: {
      ...perRow(left === 'rows' ? ['a', 'c'] : ['c'], 'i32'), ...(left === 'rows' ? {} : { a0: 'i32' as const, inPanel: 'i32' as const }), ...perRow(['l', 'h'], 'v128'),
      s: 'v128', b0: 'v128', b1: 'v128', p: 'i32', turnsEnd: 'i32', panelEnd: 'i32', aNext: 'i32', cNext: 'i32', i: 'i32', j: 'i32',
    },
    body: (locals) => {
      const { get, set } = locals;
      return [
        toBytes(locals, ['c', 'ldc', 'a', 'panel', ...(left === 'rows' ? ['lda'] : [])]),
        control.while(
          i32.lt(get('j'), get('n')),
          set('panelEnd', i32.add(get('panel'), i32.mul(get('k'), i32.const(STEP)))),
          set('turnsEnd', i32.add(get('panel'), i32.mul(i32.and(get('k'), i32.const(-UNROLL)), i32.const(STEP)))),
          set('i', get('m')),
          set('aNext', get('a')),
          set('cNext', get('c')),
          left === 'rows' ? [] : set('inPanel', i32.const(0)),
          control.while(i32.ge(get('i'), i32.const(TILE_ROWS)), tile(locals, TILE_ROWS, left), advance(locals, 'i', i32.const(-TILE_ROWS))),
          control.while(i32.ge(get('i'), i32.const(1)), tile(locals, 1, left), advance(locals, 'i', i32.const(-1))),
          advance(locals, 'c', i32.const(STEP)),
          advance(locals, 'j', i32.const(PANEL)),
          set('panel', get('panelEnd')),
        ),
      ];
    },
  };
}

/** Four vectors, locals `t0` to `t3`, as rows become columns; stored `STEP` bytes apart from `to` on. */
function storeTransposed({ get, set }: Locals, offset: number): Code {
  const lowHalf = [0, 4, 1, 5];
  const highHalf = [2, 6, 3, 7];
  return [
    ...set('u0', v4.shuffle(get('t0'), get('t2'), lowHalf)), ...set('u1', v4.shuffle(get('t1'), get('t3'), lowHalf)),
    ...set('u2', v4.shuffle(get('t0'), get('t2'), highHalf)), ...set('u3', v4.shuffle(get('t1'), get('t3'), highHalf)),
    ...v4.store(get('to'), v4.shuffle(get('u0'), get('u1'), lowHalf), offset), ...v4.store(get('to'), v4.shuffle(get('u0'), get('u1'), highHalf), offset + STEP),
    ...v4.store(get('to'), v4.shuffle(get('u2'), get('u3'), lowHalf), offset + 2 * STEP), ...v4.store(get('to'), v4.shuffle(get('u2'), get('u3'), highHalf), offset + 3 * STEP),
  ];
}

/** B[k x n], by strides, into panels of 8 columns: [n / 8][k][8], the last one filled up with zeros. */
const pack: KernelSource = {
  params: { to: 'i32', b: 'i32', rsB: 'i32', csB: 'i32', n: 'i32', k: 'i32' },
  locals: {
    i: 'i32', j: 'i32', row: 'i32', at: 'i32', column: 'i32', panelEnd: 'i32', fourEnd: 'i32', whole: 'i32',
    t0: 'v128', t1: 'v128', t2: 'v128', t3: 'v128', u0: 'v128', u1: 'v128', u2: 'v128', u3: 'v128',
  },
  body: (locals) => {
    const { get, set } = locals;
    const copied = [v4.store(get('to'), v4.load(get('row'))), v4.store(get('to'), v4.load(get('row'), 16), 16)].flat();
    const gathered = [
      ...v4.store(get('to'), v4.const(0)), ...v4.store(get('to'), v4.const(0), 16),
      ...set('column', get('j')), ...set('at', get('row')), ...set('i', get('to')),
      ...control.while(
        i32.and(i32.lt(get('column'), get('n')), i32.lt(get('column'), i32.add(get('j'), i32.const(PANEL)))),
        f32.store(get('i'), f32.load(get('at'))), advance(locals, 'at', get('csB')), advance(locals, 'i', i32.const(4)), advance(locals, 'column', i32.const(1)),
      ),
    ];
    const loadFour = [0, 1, 2, 3].flatMap((i) => [...set(`t${i}`, v4.load(get('at'))), ...advance(locals, 'at', get('csB'))]);
    return [
      toBytes(locals, ['to', 'b', 'rsB', 'csB']),
      control.while(
        i32.lt(get('j'), get('n')),
        set('row', get('b')),
        set('b', i32.add(get('b'), i32.mul(get('csB'), i32.const(PANEL)))),
        set('panelEnd', i32.add(get('to'), i32.mul(get('k'), i32.const(STEP)))),
        set('fourEnd', i32.add(get('to'), i32.mul(i32.and(get('k'), i32.const(-4)), i32.const(STEP)))),
        set('whole', i32.ge(get('n'), i32.add(get('j'), i32.const(PANEL)))),
        // Columns that are contiguous: blocks of 4 x 4 are turned round in registers.
        control.if(
          i32.and(get('whole'), i32.eq(get('rsB'), i32.const(4))),
          control.while(
            i32.lt(get('to'), get('fourEnd')),
            set('at', get('row')), loadFour, storeTransposed(locals, 0), loadFour, storeTransposed(locals, 16),
            advance(locals, 'row', i32.const(16)), advance(locals, 'to', i32.const(4 * STEP)),
          ),
        ),
        control.while(
          i32.lt(get('to'), get('panelEnd')),
          control.if(i32.and(get('whole'), i32.eq(get('csB'), i32.const(4))), copied, gathered),
          advance(locals, 'row', get('rsB')),
          advance(locals, 'to', i32.const(STEP)),
        ),
        advance(locals, 'j', i32.const(PANEL)),
      ),
    ];
  },
};

/** Runs `body` for every four floats below `n`; each of `pointers` moves along. */
function eachFour(locals: Locals, pointers: readonly string[], body: Code[]): Code {
  return [
    ...toBytes(locals, [...pointers, 'n']),
    ...control.while(i32.lt(i32.const(0), locals.get('n')), ...body, ...pointers.map((name) => advance(locals, name, i32.const(16))), advance(locals, 'n', i32.const(-16))),
  ];
}

/** x[i] = e^(x[i] - shift) for i < n, a multiple of four; returns the sum, added up in four lanes. */
const exps: KernelSource = {
  params: { p: 'i32', n: 'i32', shift: 'f32' },
  locals: { x: 'v128', e: 'v128', sum: 'v128' },
  result: 'f32',
  body: (locals) => {
    const { get, set } = locals;
    return [
      eachFour(locals, ['p'], [
        set('x', v4.sub(v4.load(get('p')), v4.splat(get('shift')))),
        exponential(locals),
        v4.store(get('p'), get('x')),
        set('sum', v4.add(get('sum'), get('x'))),
      ]),
      f32.add(f32.add(v4.lane(get('sum'), 0), v4.lane(get('sum'), 1)), f32.add(v4.lane(get('sum'), 2), v4.lane(get('sum'), 3))),
    ];
  },
};

/** Leaves the logistic function of `gate` in local `x`. */
const sigmoid = (locals: Locals): Code => [
  ...locals.set('x', v4.neg(locals.get('g'))),
  ...exponential(locals),
  ...locals.set('x', v4.div(v4.const(1), v4.add(v4.const(1), locals.get('x')))),
];

/** to = silu(gate) * up. */
const swiglu: KernelSource = {
  params: { to: 'i32', gate: 'i32', up: 'i32', n: 'i32' },
  locals: { g: 'v128', x: 'v128', e: 'v128' },
  body: (locals) => {
    const { get, set } = locals;
    return [eachFour(locals, ['to', 'gate', 'up'], [set('g', v4.load(get('gate'))), sigmoid(locals), v4.store(get('to'), v4.mul(v4.mul(get('g'), get('x')), v4.load(get('up'))))])];
  },
};

/** Gradients of `swiglu`, in place of `gate` and `up`: gate = d up silu'(gate), up = d silu(gate). */
const swigluBack: KernelSource = {
  params: { gate: 'i32', up: 'i32', d: 'i32', n: 'i32' },
  locals: { g: 'v128', x: 'v128', e: 'v128', u: 'v128' },
  body: (locals) => {
    const { get, set } = locals;
    const slope = v4.mul(get('x'), v4.add(v4.const(1), v4.mul(get('g'), v4.sub(v4.const(1), get('x')))));
    return [
      eachFour(locals, ['gate', 'up', 'd'], [
        set('g', v4.load(get('gate'))),
        set('u', v4.load(get('up'))),
        sigmoid(locals),
        v4.store(get('gate'), v4.mul(v4.mul(v4.load(get('d')), get('u')), slope)),
        v4.store(get('up'), v4.mul(v4.load(get('d')), v4.mul(get('g'), get('x')))),
      ]),
    ];
  },
};

/** One step of AdamW (Loshchilov and Hutter 2019) for n parameters; `gradientScale` clips, `bias1` and `bias2` are 1 - beta^t. */
const adamw: KernelSource = {
  params: { w: 'i32', g: 'i32', m: 'i32', v: 'i32', n: 'i32', gradientScale: 'f32', rate: 'f32', decay: 'f32', beta1: 'f32', beta2: 'f32', bias1: 'f32', bias2: 'f32', epsilon: 'f32' },
  locals: { x: 'v128', y: 'v128', z: 'v128' },
  body: (locals) => {
    const { get, set } = locals;
    const all = (name: string): Code => v4.splat(get(name));
    const moving = (old: string, beta: string, value: Code): Code => v4.add(v4.mul(all(beta), v4.load(get(old))), v4.mul(v4.sub(v4.const(1), all(beta)), value));
    const step = v4.div(v4.div(get('y'), all('bias1')), v4.add(v4.sqrt(v4.div(get('z'), all('bias2'))), all('epsilon')));
    return [
      eachFour(locals, ['w', 'g', 'm', 'v'], [
        set('x', v4.mul(v4.load(get('g')), all('gradientScale'))),
        set('y', moving('m', 'beta1', get('x'))),
        set('z', moving('v', 'beta2', v4.mul(get('x'), get('x')))),
        v4.store(get('m'), get('y')),
        v4.store(get('v'), get('z')),
        set('x', v4.load(get('w'))),
        v4.store(get('w'), v4.sub(get('x'), v4.mul(all('rate'), v4.add(step, v4.mul(all('decay'), get('x')))))),
      ]),
    ];
  },
};

export const KERNELS = { gemm: product('rows'), gemmPanels: product('panels'), pack, exps, swiglu, swigluBack, adamw };
