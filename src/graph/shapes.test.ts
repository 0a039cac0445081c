import fc from 'fast-check';
import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { defined } from '../core/errors.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import type { DType } from '../core/tensor.ts';
import { createBuilder, type InputsOf } from './builder.ts';
import { checkGraph } from './check.ts';
import type { Graph } from './graph.ts';
import { toOnnx } from './onnx-write.ts';
import { definitionOf, ops, type AttributesOf, type Op } from './ops.ts';
import { readOnnx } from './onnx-read.ts';
import { graphText } from './text.ts';

/** Element type and shape of an input; `undefined` where an optional one is absent. */
type Input = readonly [DType, Shape] | undefined;
interface Case<K extends Op> {
  readonly inputs: readonly Input[];
  readonly attributes: AttributesOf<K>;
}
type FileOp = { [K in Op]: (typeof ops)[K]['domain'] extends 'fixhead' ? never : K }[Op];

const f = (...shape: Shape): Input => ['float32', shape];
const i = (...shape: Shape): Input => ['int64', shape];
const bool = (...shape: Shape): Input => ['bool', shape];
const unary = [
  { inputs: [f(2, 3)], attributes: {} },
  { inputs: [f('batch', 4)], attributes: {} },
] as const;
const binary = [
  { inputs: [f(2, 3), f(2, 3)], attributes: {} },
  { inputs: [f('batch', 1, 4), f(3, 1)], attributes: {} },
  { inputs: [f(), f(2, 0)], attributes: {} },
] as const;
const truths = [{ inputs: [bool('batch', 3), bool(2, 1, 1)], attributes: {} }] as const;
const variadic = [
  ...binary,
  { inputs: [f('batch', 4)], attributes: {} },
  { inputs: [f('batch', 1, 1), f(4), f(3, 1)], attributes: {} },
] as const;
const slope = [{ inputs: [f('batch', 3)], attributes: { alpha: 0.3 } }] as const;
const reductions = [
  { inputs: [f('batch', 3, 4)], attributes: { axes: [1, 2], keepdims: 0 } },
  { inputs: [f(2, 3, 4)], attributes: { axes: [-1, 0], keepdims: 1 } },
  { inputs: [f(2, 3)], attributes: { axes: [], keepdims: 0 } },
] as const;
const resize = {
  axes: [0, 1, 2, 3],
  scales: [],
  sizes: [],
  mode: 'nearest',
  coordinate_transformation_mode: 'half_pixel',
  nearest_mode: 'floor',
  cubic_coeff_a: -0.75,
  exclude_outside: 0,
};
const window = { kernel_shape: [3, 2], pads: [1, 0, 0, 1], strides: [2, 1] } as const;

const places = [
  { inputs: [f('batch', 3)], attributes: { axis: -1, keepdims: 0 } },
  { inputs: [f(2, 3)], attributes: { axis: 0, keepdims: 1 } },
] as const;

/** Inputs and attributes for each operator that can stand in a file. Complete: an operator without cases does not compile. */
const cases: { readonly [K in FileOp]: readonly Case<K>[] } = {
  Identity: unary,
  Relu: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Neg: unary,
  Abs: unary,
  Sigmoid: unary,
  Tanh: unary,
  HardSigmoid: [{ inputs: [f(2, 3)], attributes: { alpha: 0.3, beta: 0.4 } }],
  Cast: [
    { inputs: [f('batch', 3)], attributes: { to: 'int64' } },
    { inputs: [bool(2)], attributes: { to: 'float32' } },
    { inputs: [f(2)], attributes: { to: 'float16' } },
  ],
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Max: variadic,
  Min: variadic,
  Sum: variadic,
  Mean: variadic,
  Pow: [...binary, { inputs: [f('batch', 3), i()], attributes: {} }],
  Mod: [{ inputs: [f('batch', 3), f(1)], attributes: { fmod: 1 } }],
  Erf: unary,
  Sin: unary,
  Cos: unary,
  Floor: unary,
  Ceil: unary,
  Round: unary,
  Sign: unary,
  Clip: [
    { inputs: [f('batch', 3), f(), f()], attributes: {} },
    { inputs: [f(2, 3), undefined, f()], attributes: {} },
    { inputs: [f(2, 3)], attributes: {} },
  ],
  LeakyRelu: slope,
  PRelu: [
    { inputs: [f('batch', 3, 4, 5), f(3, 1, 1)], attributes: {} },
    { inputs: [f(2, 3), f(1)], attributes: {} },
  ],
  ThresholdedRelu: slope,
  Elu: slope,
  Selu: [{ inputs: [f('batch', 3)], attributes: { alpha: 1.5, gamma: 1.1 } }],
  Celu: slope,
  HardSwish: unary,
  Mish: unary,
  Softplus: unary,
  Softsign: unary,
  Equal: [...binary, { inputs: [i(2, 3), i(3)], attributes: {} }],
  Greater: binary,
  GreaterOrEqual: binary,
  Less: binary,
  LessOrEqual: binary,
  And: truths,
  Or: truths,
  Xor: truths,
  Not: [{ inputs: [bool('batch', 3)], attributes: {} }],
  IsNaN: unary,
  IsInf: [{ inputs: [f('batch', 3)], attributes: { detect_negative: 0, detect_positive: 1 } }],
  Where: [{ inputs: [bool('batch', 1), f(4), f(1, 1)], attributes: {} }],
  MatMul: [
    { inputs: [f('batch', 3), f(3, 5)], attributes: {} },
    { inputs: [f(2, 1, 4, 3), f(6, 3, 5)], attributes: {} },
    { inputs: [f('batch', 4, 3), f(3)], attributes: {} },
    { inputs: [f(4), f('batch', 4, 3)], attributes: {} },
    { inputs: [f(4), f(4)], attributes: {} },
  ],
  Einsum: [
    { inputs: [f('batch', 4, 3), f(3, 5)], attributes: { equation: 'bij,jk->bik' } },
    { inputs: [f(2, 4, 3), f(2, 3, 5)], attributes: { equation: '...ij,...jk' } },
    { inputs: [f('batch', 3), f('batch', 3)], attributes: { equation: 'bi, bi -> b' } },
  ],
  Gemm: [
    { inputs: [f('batch', 3), f(5, 3), f(5)], attributes: { alpha: 1, beta: 1, transA: 0, transB: 1 } },
    { inputs: [f(3, 2), f(3, 5)], attributes: { alpha: 0.5, beta: 0, transA: 1, transB: 0 } },
  ],
  Transpose: [{ inputs: [f('batch', 3, 4)], attributes: { perm: [2, 0, 1] } }],
  Reshape: [
    { inputs: [f('batch', 3, 4)], attributes: { shape: [0, -1] } },
    { inputs: [f('batch', 3, 4)], attributes: { shape: [-1, 2, 6] } },
    { inputs: [f(6)], attributes: { shape: [1, 2, 3] } },
    { inputs: [f('batch', 6)], attributes: { shape: [-1, 3] } },
  ],
  Flatten: [
    { inputs: [f('batch', 3, 4)], attributes: { axis: 1 } },
    { inputs: [f(2, 3, 4)], attributes: { axis: -1 } },
    { inputs: [f(2, 3)], attributes: { axis: 0 } },
    { inputs: [f(2, 3)], attributes: { axis: 2 } },
  ],
  Expand: [{ inputs: [f('batch', 1)], attributes: { shape: [3, 1, 5] } }],
  Concat: [
    { inputs: [f('batch', 2), f('batch', 3), f('batch', 4)], attributes: { axis: 1 } },
    { inputs: [i(2, 3), i(2, 3)], attributes: { axis: -2 } },
  ],
  Split: [{ inputs: [f('batch', 6)], attributes: { split: [1, 2, 3], axis: -1 } }],
  Slice: [
    { inputs: [f('batch', 5, 7)], attributes: { starts: [1, -3], ends: [100, -1], axes: [1, 2], steps: [2, 1] } },
    { inputs: [f(5)], attributes: { starts: [4], ends: [2], axes: [0], steps: [1] } },
    { inputs: [f(5, 7)], attributes: { starts: [-1, 9], ends: [-9, 1], axes: [0, 1], steps: [-1, -3] } },
    { inputs: [f('batch', 3)], attributes: { starts: [0], ends: [2 ** 31 - 1], axes: [0], steps: [1] } },
  ],
  Pad: [
    { inputs: [f('batch', 3, 4)], attributes: { pads: [0, 1, 2, 0, 0, -1], mode: 'constant' } },
    { inputs: [f(2, 3), f()], attributes: { pads: [0, 1, 2, 0], mode: 'constant' } },
    { inputs: [f('batch', 3)], attributes: { pads: [0, 2, 0, 1], mode: 'reflect' } },
    { inputs: [f(2, 3)], attributes: { pads: [1, -1, 4, 0], mode: 'edge' } },
  ],
  Gather: [
    { inputs: [f('batch', 3, 4), i(2, 5)], attributes: { axis: 1 } },
    { inputs: [f(3, 4), i()], attributes: { axis: -1 } },
  ],
  ScatterElements: [{ inputs: [f(3, 4), i(2, 4), f(2, 4)], attributes: { axis: 1, reduction: 'add' } }],
  GatherElements: [{ inputs: [f(3, 4), i(2, 4)], attributes: { axis: 0 } }],
  GatherND: [
    { inputs: [f(3, 4, 5), i(2, 6, 2)], attributes: { batch_dims: 0 } },
    { inputs: [f('batch', 4, 5), i('batch', 2, 1)], attributes: { batch_dims: 1 } },
  ],
  ScatterND: [{ inputs: [f(3, 4), i(2, 1), f(2, 4)], attributes: { reduction: 'add' } }],
  Squeeze: [{ inputs: [f('batch', 1, 3, 1)], attributes: { axes: [1, -1] } }],
  Unsqueeze: [{ inputs: [f('batch', 3)], attributes: { axes: [-1, 1] } }],
  Tile: [{ inputs: [f('batch', 3, 1)], attributes: { repeats: [1, 2, 4] } }],
  DepthToSpace: [
    { inputs: [f('batch', 8, 2, 3)], attributes: { blocksize: 2, mode: 'CRD' } },
    { inputs: [f(1, 9, 2, 3)], attributes: { blocksize: 3, mode: 'DCR' } },
  ],
  SpaceToDepth: [{ inputs: [f('batch', 2, 4, 6)], attributes: { blocksize: 2 } }],
  Trilu: [{ inputs: [f('batch', 3, 4)], attributes: { k: [1], upper: 0 } }],
  OneHot: [
    { inputs: [i('batch', 3), f(2)], attributes: { depth: [5], axis: -1 } },
    { inputs: [i(3), i(2)], attributes: { depth: [4], axis: 0 } },
  ],
  Shape: [
    { inputs: [f('batch', 3, 4)], attributes: { start: 0, end: 3 } },
    { inputs: [f('batch', 3, 4)], attributes: { start: 1, end: -1 } },
  ],
  Size: [{ inputs: [f('batch', 3)], attributes: {} }],
  ReduceSum: reductions,
  ReduceMean: reductions,
  ReduceMax: reductions,
  ReduceMin: reductions,
  ReduceProd: reductions,
  ReduceL1: reductions,
  ReduceL2: reductions,
  ReduceSumSquare: reductions,
  ReduceLogSum: reductions,
  ReduceLogSumExp: reductions,
  CumSum: [{ inputs: [f('batch', 3), i()], attributes: { exclusive: 1, reverse: 0 } }],
  ArgMax: places,
  ArgMin: places,
  TopK: [
    { inputs: [f('batch', 5)], attributes: { k: [3], axis: -1, largest: 1 } },
    { inputs: [f(4, 2, 3)], attributes: { k: [4], axis: 0, largest: 0 } },
  ],
  Softmax: [{ inputs: [f('batch', 3)], attributes: { axis: -1 } }],
  LogSoftmax: [{ inputs: [f(2, 3, 4)], attributes: { axis: 1 } }],
  Hardmax: [{ inputs: [f('batch', 3)], attributes: { axis: -1 } }],
  LpNormalization: [{ inputs: [f('batch', 3)], attributes: { axis: 1, p: 2 } }],
  Conv: [
    {
      inputs: [f('batch', 4, 9, 8), f(6, 2, 3, 2), f(6)],
      attributes: { ...window, dilations: [2, 1], group: 2 },
    },
    {
      inputs: [f(2, 3, 7), f(4, 3, 3)],
      attributes: { kernel_shape: [3], pads: [1, 1], strides: [1], dilations: [1], group: 1 },
    },
  ],
  ConvTranspose: [
    {
      inputs: [f('batch', 4, 5, 6), f(4, 3, 3, 2)],
      attributes: { ...window, dilations: [1, 2], group: 2, output_padding: [1, 0] },
    },
  ],
  MaxPool: [
    { inputs: [f('batch', 3, 9, 8)], attributes: { ...window, dilations: [2, 1] } },
    { inputs: [f(2, 3, 7)], attributes: { kernel_shape: [3], pads: [1, 0], strides: [2], dilations: [1] } },
  ],
  AveragePool: [{ inputs: [f('batch', 3, 8, 9)], attributes: { ...window, count_include_pad: 1 } }],
  GlobalMaxPool: [{ inputs: [f('batch', 3, 5, 6)], attributes: {} }],
  Resize: [
    { inputs: [f('batch', 3, 5, 6)], attributes: { ...resize, scales: [1, 1, 1.5, 0.4] } },
    // In float32 5·0.6 is 3, although the float32 number 0.6 is larger than 0.6.
    { inputs: [f(2, 3, 5)], attributes: { ...resize, axes: [-1], scales: [0.6] } },
    { inputs: [f('batch', 3, 5, 6)], attributes: { ...resize, axes: [2, 3], sizes: [7, 2], mode: 'linear' } },
  ],
  GlobalAveragePool: [{ inputs: [f('batch', 3, 5, 6)], attributes: {} }],
  LayerNormalization: [
    { inputs: [f('batch', 4, 6), f(6), f(6)], attributes: { axis: -1, epsilon: 1e-5 } },
    { inputs: [f('batch', 4, 6), f(4, 6)], attributes: { axis: 1, epsilon: 1e-5 } },
  ],
  InstanceNormalization: [{ inputs: [f('batch', 3, 5, 2), f(3), f(3)], attributes: { epsilon: 1e-5 } }],
  LRN: [{ inputs: [f('batch', 6, 3, 2)], attributes: { size: 3, alpha: 1e-4, beta: 0.75, bias: 1 } }],
  Dropout: unary,
  BatchNormalization: [{ inputs: [f('batch', 3, 5), f(3), f(3), f(3), f(3)], attributes: { epsilon: 1e-5 } }],
  FusedMatMul: [{ inputs: [f(2, 3, 4), f(2, 3, 5)], attributes: { alpha: 0.5, transA: 1, transB: 0 } }],
  // Blocked operators need whole blocks of channels: 16 is one of AVX-512 or two of narrower machines.
  'nchwc.ReorderInput': [
    { inputs: [f(2, 16, 4, 5)], attributes: { channels_last: 0 } },
    { inputs: [f(2, 4, 5, 16)], attributes: { channels_last: 1 } },
  ],
  'nchwc.ReorderOutput': [
    { inputs: [f(2, 16, 4, 5)], attributes: { channels: 16, channels_last: 0 } },
    { inputs: [f(2, 16, 4, 5)], attributes: { channels: 9, channels_last: 1 } },
  ],
  'nchwc.Conv': [
    {
      inputs: [f(2, 16, 6, 6), f(32, 16, 3, 3), undefined, f(2, 32, 3, 3)],
      attributes: {
        kernel_shape: [3, 3],
        pads: [1, 1, 1, 1],
        strides: [2, 2],
        dilations: [1, 1],
        group: 1,
        activation: 'Relu',
        activation_params: [],
      },
    },
    {
      inputs: [f(2, 16, 6, 6), f(16, 16, 1, 1), f(16)],
      attributes: {
        kernel_shape: [1, 1],
        pads: [0, 0, 0, 0],
        strides: [1, 1],
        dilations: [1, 1],
        group: 1,
        activation: '',
        activation_params: [],
      },
    },
  ],
  'nchwc.MaxPool': [{ inputs: [f(2, 16, 9, 8)], attributes: { ...window, dilations: [1, 1] } }],
  'nchwc.GlobalAveragePool': [{ inputs: [f(2, 16, 5, 6)], attributes: {} }],
};

function caseGraph<K extends Op>(op: K, { inputs, attributes }: Case<K>): Graph {
  const b = createBuilder(op.replace('.', '_'));
  const values = inputs.map((input, index) => (input === undefined ? undefined : b.input(`in${index}`, ...input)));
  // The case table holds inputs that fit K as data, which the compiler cannot see.
  for (const output of b.node(op, values as unknown as InputsOf<K>, attributes)) b.output(output);
  return checkGraph(b.build(), op);
}

const BATCH = 3;
// A dimension can be a multiple of the batch: `batch·2`.
const bind = (shape: Shape): number[] =>
  shape.map((dim) => (typeof dim === 'number' ? dim : BATCH * Number(dim.split('·')[1] ?? 1)));

const zeros: Partial<Record<DType, (size: number, dims: readonly number[]) => ort.Tensor>> = {
  float32: (size, dims) => new ort.Tensor('float32', new Float32Array(size), dims),
  int64: (size, dims) => new ort.Tensor('int64', new BigInt64Array(size), dims),
  bool: (size, dims) => new ort.Tensor('bool', new Uint8Array(size), dims),
};

/** Runs the graph on zeros and returns what ONNX Runtime made of each output. */
async function executed(
  graph: Graph,
): Promise<readonly { readonly dtype: string; readonly shape: readonly number[] }[]> {
  const session = await ort.InferenceSession.create(toOnnx(graph), { intraOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    const feeds = graph.inputs.map((name) => {
      const { dtype, shape } = defined(graph.types.get(name), name);
      const dims = bind(shape);
      return [name, defined(zeros[dtype], dtype)(sizeOf(dims), dims)] as const;
    });
    const results = await session.run(Object.fromEntries(feeds));
    return graph.outputs.map((name) => {
      const { type, dims } = defined(results[name], name);
      return { dtype: type, shape: dims };
    });
  } finally {
    await session.release();
  }
}

const inferred = (graph: Graph) =>
  graph.outputs.map((name) => {
    const { dtype, shape } = defined(graph.types.get(name), name);
    return { dtype, shape: bind(shape) };
  });

async function blockedOperatorsRun(): Promise<boolean> {
  try {
    await executed(caseGraph('nchwc.ReorderInput', defined(cases['nchwc.ReorderInput'][0], 'case')));
    return true;
  } catch {
    return false;
  }
}
const blocked = await blockedOperatorsRun();

const fileOps = (Object.keys(ops) as Op[]).filter((op): op is FileOp => definitionOf(op).domain !== 'fixhead');

describe.each(fileOps)('%s', (op) => {
  const runs = blocked || !op.startsWith('nchwc.');
  it.runIf(runs)('has the types that ONNX Runtime computes', async () => {
    expect(cases[op].length).toBeGreaterThan(0);
    for (const each of cases[op]) {
      const graph = caseGraph(op, each);
      expect(await executed(graph), graphText(graph)).toEqual(inferred(graph));
    }
  });

  it('comes back from ONNX bytes as the same graph', () => {
    for (const each of cases[op]) {
      const graph = caseGraph(op, each);
      const back = readOnnx(toOnnx(graph), 'test.onnx').graph;
      expect(graphText(back)).toBe(graphText(graph));
      expect(new Map(back.types)).toEqual(new Map(graph.types));
    }
  });
});

describe('inference agrees with ONNX Runtime on random shapes', () => {
  const extent = fc.integer({ min: 1, max: 4 });

  it('for broadcasting', async () => {
    // Two views of one shape, each with leading axes cut off and some sizes set to 1, so that they broadcast.
    const pair = fc.array(extent, { maxLength: 4 }).chain((full) => {
      const view = fc
        .tuple(fc.integer({ min: 0, max: full.length }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
        .map(([cut, kept]) => full.map((dim, axis) => (kept[axis] === true ? dim : 1)).slice(cut));
      return fc.tuple(view, view);
    });
    await fc.assert(
      fc.asyncProperty(pair, async ([a, b]) => {
        const graph = caseGraph('Add', { inputs: [f(...a), f(...b)], attributes: {} });
        expect(await executed(graph)).toEqual(inferred(graph));
      }),
      { numRuns: 60 },
    );
  });

  it('for Reshape with copied and computed dimensions', async () => {
    // Source sizes a·b and c regroup to (a, b, c); one dimension may be left to Reshape, the first may be copied.
    const regrouping = fc.record({
      a: extent,
      b: extent,
      c: extent,
      computed: fc.integer({ min: -1, max: 2 }),
      symbolic: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(regrouping, async ({ a, b, c, computed, symbolic }) => {
        const from: Shape = symbolic ? ['batch', a * b, c] : [BATCH, a * b, c];
        const target = [0, a, b, c].map((dim, axis) => (axis === computed + 1 && computed >= 0 ? -1 : dim));
        const graph = caseGraph('Reshape', { inputs: [f(...from)], attributes: { shape: target } });
        expect(await executed(graph)).toEqual(inferred(graph));
      }),
      { numRuns: 60 },
    );
  });
});

describe('shape rules refuse', () => {
  const conv = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], group: 1 };
  const refusals: readonly [string, () => Graph, string | RegExp][] = [
    [
      'shapes that do not broadcast',
      () => caseGraph('Add', { inputs: [f(2, 3), f(4)], attributes: {} }),
      'Add: shapes do not broadcast; received [2, 3] and [4]',
    ],
    [
      'two symbols that may differ',
      () => caseGraph('Add', { inputs: [f('n'), f('m')], attributes: {} }),
      'shapes do not broadcast; received [n] and [m]',
    ],
    [
      'mixed element types',
      () => caseGraph('Add', { inputs: [f(2), i(2)], attributes: {} }),
      'element types differ; received float32 and int64',
    ],
    [
      'a product whose inner dimensions differ',
      () => caseGraph('MatMul', { inputs: [f(2, 3), f(4, 5)], attributes: {} }),
      'inner dimensions differ; received [2, 3] times [4, 5]',
    ],
    [
      'a scalar in a product',
      () => caseGraph('MatMul', { inputs: [f(), f(3, 5)], attributes: {} }),
      'product needs two matrices',
    ],
    [
      'a vector in a Gemm',
      () => caseGraph('Gemm', { inputs: [f(3), f(3, 5)], attributes: { alpha: 1, beta: 1, transA: 0, transB: 0 } }),
      'product needs two matrices',
    ],
    [
      'vectors of different lengths',
      () => caseGraph('MatMul', { inputs: [f(3), f(4)], attributes: {} }),
      'inner dimensions differ; received [1, 3] times [4, 1]',
    ],
    [
      'bounds that are no scalars',
      () => caseGraph('Clip', { inputs: [f(2, 3), f(3)], attributes: {} }),
      'Clip: a bound must be a scalar; received [3]',
    ],
    [
      'slopes that widen x',
      () => caseGraph('PRelu', { inputs: [f(1, 3), f(2, 1)], attributes: {} }),
      'the slopes do not broadcast to x; expected a shape that repeats to [1, 3], received [2, 1]',
    ],
    [
      'a remainder of floats of the divisor’s sign',
      () => caseGraph('Mod', { inputs: [f(3), f(3)], attributes: { fmod: 0 } }),
      'the remainder of floats must be of the dividend’s sign; expected fmod 1, received fmod 0',
    ],
    [
      'numbers where truth values belong',
      () => caseGraph('And', { inputs: [f(3), f(3)], attributes: {} }),
      'wrong element type of an operand; expected bool, received float32',
    ],
    [
      'a running sum along no axis',
      () => caseGraph('CumSum', { inputs: [f(3), i(2)], attributes: { exclusive: 0, reverse: 0 } }),
      'the axis must be a scalar; received [2]',
    ],
    [
      'a norm that ONNX lacks',
      () => caseGraph('LpNormalization', { inputs: [f(3)], attributes: { axis: 0, p: 3 } }),
      'no such norm; expected p 1 or 2, received 3',
    ],
    [
      'a label with two extents',
      () => caseGraph('Einsum', { inputs: [f(2, 3), f(4, 5)], attributes: { equation: 'ij,jk->ik' } }),
      'Einsum: label j has two extents; received 3 and 4 in [2, 3] and [4, 5]',
    ],
    [
      'a bias that widens the product',
      () =>
        caseGraph('Gemm', {
          inputs: [f(1, 3), f(3, 5), f(2, 5)],
          attributes: { alpha: 1, beta: 1, transA: 0, transB: 0 },
        }),
      'the bias is larger than the product; expected [1, 5], received [2, 5]',
    ],
    [
      'a Reshape to another number of elements',
      () => caseGraph('Reshape', { inputs: [f(2, 3)], attributes: { shape: [4, -1] } }),
      'Reshape changes the number of elements; received [2, 3] to [4, -1]',
    ],
    [
      'a Reshape with two unknowns',
      () => caseGraph('Reshape', { inputs: [f(2, 3)], attributes: { shape: [-1, -1] } }),
      'more than one −1',
    ],
    [
      'a Reshape that loses a symbolic dimension',
      () => caseGraph('Reshape', { inputs: [f('batch', 3)], attributes: { shape: [3] } }),
      'Reshape changes the number of elements',
    ],
    [
      'a filter of another size than kernel_shape',
      () => caseGraph('Conv', { inputs: [f(1, 2, 5, 5), f(4, 2, 3, 1)], attributes: conv }),
      'the filter does not fit; expected [out, in, 3, 3] for the input [1, 2, 5, 5], received [4, 2, 3, 1]',
    ],
    [
      'channels that do not fit the filter',
      () => caseGraph('Conv', { inputs: [f(1, 3, 5, 5), f(4, 2, 3, 3)], attributes: conv }),
      'convolution channels do not fit; expected filter with 3 input channels per group',
    ],
    [
      'a window larger than its input',
      () => caseGraph('Conv', { inputs: [f(1, 2, 5, 5), f(4, 2, 3, 3)], attributes: { ...conv, dilations: [4, 1] } }),
      'window larger than its padded input; expected at least 9, received 7',
    ],
    [
      'too few strides',
      () => caseGraph('Conv', { inputs: [f(1, 2, 5, 5), f(4, 2, 3, 3)], attributes: { ...conv, strides: [1] } }),
      'wrong number of strides; expected 2, received [1]',
    ],
    [
      'half a pixel of padding',
      () =>
        caseGraph('Conv', { inputs: [f(1, 2, 5, 5), f(4, 2, 3, 3)], attributes: { ...conv, pads: [0.5, 0, 0.5, 0] } }),
      'pads must be integers; received [0.5, 0, 0.5, 0]',
    ],
    [
      'a stride of zero',
      () => caseGraph('Conv', { inputs: [f(1, 2, 5, 5), f(4, 2, 3, 3)], attributes: { ...conv, strides: [0, 1] } }),
      'impossible shape',
    ],
    [
      'a perm that is none',
      () => caseGraph('Transpose', { inputs: [f(2, 3)], attributes: { perm: [0, 0] } }),
      'perm is not a permutation of the axes; expected 2 axes, received [0, 0]',
    ],
    [
      'Concat of different sizes beside the axis',
      () => caseGraph('Concat', { inputs: [f(2, 3), f(3, 3)], attributes: { axis: 1 } }),
      'Concat inputs differ outside the axis; received [2, 3] and [3, 3]',
    ],
    [
      'parts that do not add up',
      () => caseGraph('Split', { inputs: [f(2, 6)], attributes: { split: [2, 2], axis: 1 } }),
      'Split parts do not add up; expected 6, received [2, 2]',
    ],
    [
      'an axis out of range',
      () => caseGraph('Softmax', { inputs: [f(2, 6)], attributes: { axis: 2 } }),
      'axis out of range; expected an integer in [-2, 1], received 2',
    ],
    [
      'more of the largest than there are',
      () => caseGraph('TopK', { inputs: [f('batch', 6)], attributes: { k: [7], axis: 1, largest: 1 } }),
      'k out of range; expected 1 to 6, the entries along axis 1, received 7',
    ],
    [
      'none of the largest',
      () => caseGraph('TopK', { inputs: [f(2, 6)], attributes: { k: [0], axis: 1, largest: 1 } }),
      'k out of range; expected 1 to 6, the entries along axis 1, received 0',
    ],
    [
      'two numbers of the largest',
      () => caseGraph('TopK', { inputs: [f(2, 6)], attributes: { k: [1, 2], axis: 1, largest: 1 } }),
      'wrong number of k; expected 1, received [1, 2]',
    ],
    [
      'missing ends',
      () => caseGraph('Slice', { inputs: [f(4)], attributes: { starts: [3], ends: [], axes: [0], steps: [1] } }),
      'starts or ends is too short; expected at least 1 entries, received []',
    ],
    [
      'a condition of numbers',
      () => caseGraph('Where', { inputs: [f(2), f(2), f(2)], attributes: {} }),
      'wrong element type of the condition; expected bool, received float32',
    ],
    [
      'fractional indices',
      () => caseGraph('Gather', { inputs: [f(2), f(2)], attributes: { axis: 0 } }),
      'wrong element type of indices; expected int32 or int64, received float32',
    ],
    [
      'squeezing an axis that is not 1',
      () => caseGraph('Squeeze', { inputs: [f(1, 3)], attributes: { axes: [1] } }),
      'only axes of size 1 can be removed; received axis 1 of [1, 3]',
    ],
    [
      'an axis listed twice',
      () => caseGraph('Unsqueeze', { inputs: [f(3)], attributes: { axes: [0, -3] } }),
      'an axis is listed twice; received [0, -3]',
    ],
    [
      'a step of 0',
      () => caseGraph('Slice', { inputs: [f(3)], attributes: { starts: [0], ends: [3], axes: [0], steps: [0] } }),
      'a Slice step must be an integer other than 0; received 0',
    ],
    [
      'more to reflect than there is',
      () => caseGraph('Pad', { inputs: [f(3)], attributes: { pads: [3, 0], mode: 'reflect' } }),
      'there is too little to pad with on axis 0; expected pads below 3, received [3, 0]',
    ],
    [
      'an unknown way to pad',
      () => caseGraph('Pad', { inputs: [f(3)], attributes: { pads: [3, 0], mode: 'wrap' } }),
      'unknown mode; expected constant or edge or reflect, received wrap',
    ],
    [
      'several values to pad with',
      () => caseGraph('Pad', { inputs: [f(3), f(2)], attributes: { pads: [1, 0], mode: 'constant' } }),
      'the value to pad with must be one number of the same type; received float32[2]',
    ],
    [
      'blocks that do not fit',
      () => caseGraph('SpaceToDepth', { inputs: [f(1, 1, 3, 4)], attributes: { blocksize: 2 } }),
      'height must be a multiple of 2; received 3',
    ],
    [
      'channels that are no blocks',
      () => caseGraph('DepthToSpace', { inputs: [f(1, 6, 3, 4)], attributes: { blocksize: 2, mode: 'DCR' } }),
      'channels must be a multiple of 4; received 6',
    ],
    [
      'indices deeper than the data',
      () => caseGraph('GatherND', { inputs: [f(3, 4), i(2, 3)], attributes: { batch_dims: 0 } }),
      'indices do not fit the data',
    ],
    [
      'updates of another shape than their places',
      () => caseGraph('ScatterND', { inputs: [f(3, 4), i(2, 1), f(2, 3)], attributes: { reduction: 'none' } }),
      'updates do not fit the indices; expected [2, 4], received [2, 3]',
    ],
    [
      'an unknown reduction',
      () => caseGraph('ScatterND', { inputs: [f(3), i(2, 1), f(2)], attributes: { reduction: 'sum' } }),
      'unknown reduction; expected none, add, mul, max, min, received sum',
    ],
    [
      'values of OneHot that are no pair',
      () => caseGraph('OneHot', { inputs: [i(3), f(3)], attributes: { depth: [4], axis: 0 } }),
      'values must be [off, on]; received [3]',
    ],
    [
      'padding of the wrong rank',
      () => caseGraph('Pad', { inputs: [f(2, 2)], attributes: { pads: [1, 1], mode: 'constant' } }),
      'wrong number of pads; expected 4, received [1, 1]',
    ],
    [
      'an extent that must be known',
      () => caseGraph('Concat', { inputs: [f('n'), f('n')], attributes: { axis: 0 } }),
      'dimension must be a number; received [n]',
    ],
    [
      'statistics of the wrong length',
      () =>
        caseGraph('BatchNormalization', {
          inputs: [f(1, 3, 5), f(3), f(3), f(4), f(3)],
          attributes: { epsilon: 1e-5 },
        }),
      'wrong shape of mean; expected [3], received [4]',
    ],
  ];
  it.each(refusals)('%s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
