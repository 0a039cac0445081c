import proto, { type onnx } from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../src/core/random.ts';
import { foldConstants } from '../src/graph/fold.ts';
import { readOnnx } from '../src/graph/onnx-read.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import { operatorHistory } from '../src/graph/upgrade/history.ts';
import { stepsDown } from '../src/graph/upgrade/steps-down.ts';
import { stepsUp } from '../src/graph/upgrade/steps-up.ts';
import { expectAllclose } from './support/allclose.ts';

/**
 * Models of other operator sets against what is written back of them as opset 18: both run in ONNX Runtime, which has kernels
 * for every version.
 */

const { AttributeType } = proto.onnx.AttributeProto;
const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;
type Dims = readonly (number | string)[];

const info = (name: string, dims: Dims | undefined, elemType = FLOAT): onnx.IValueInfoProto =>
  dims === undefined
    ? { name }
    : {
        name,
        type: {
          tensorType: {
            elemType,
            shape: { dim: dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) },
          },
        },
      };
const int = (name: string, i: number) => ({ name, type: AttributeType.INT, i });
const ints = (name: string, values: number[]) => ({ name, type: AttributeType.INTS, ints: values });
const float = (name: string, f: number) => ({ name, type: AttributeType.FLOAT, f });
const floats = (name: string, values: number[]) => ({ name, type: AttributeType.FLOATS, floats: values });
const text = (name: string, value: string) => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value),
});
const int64s = (name: string, values: number[], dims = [values.length]): onnx.ITensorProto => ({
  name,
  dims,
  dataType: INT64,
  int64Data: values,
});
const numbers = (name: string, values: number[], dims = [values.length]): onnx.ITensorProto => ({
  name,
  dims,
  dataType: FLOAT,
  floatData: values,
});

/** One operator of an older or newer operator set between inputs `x0`, `x1` … and outputs `y0`, `y1` …. */
interface Example {
  readonly opset: number;
  readonly op: string;
  /** Shapes of the inputs that are fed; those of `booleans` are masks. */
  readonly shapes: readonly Dims[];
  readonly booleans?: readonly number[];
  /** All inputs by name where some are constants or absent. */
  readonly inputs?: readonly string[];
  readonly attributes?: readonly onnx.IAttributeProto[];
  readonly constants?: readonly onnx.ITensorProto[];
  readonly outputs?: number;
  /** What the file calls the input's shape, where that is not its shape. */
  readonly stated?: Dims;
  /** Feeds the operator through another one whose shape the file does not say. */
  readonly hidden?: boolean;
  readonly positive?: boolean;
}

function modelOf(example: Example): Uint8Array {
  const {
    opset,
    op,
    shapes,
    booleans = [],
    constants = [],
    attributes = [],
    outputs = 1,
    stated,
    hidden = false,
  } = example;
  const fed = shapes.map((_, index) => `x${index}`);
  const inputs = [...(example.inputs ?? fed)];
  const node: onnx.INodeProto[] = [];
  if (hidden) {
    // An operator of another domain: nobody knows the type of what it gives.
    node.push({ opType: 'BiasGelu', domain: 'com.microsoft', input: ['x0', 'hidden_bias'], output: ['h'] });
    inputs[0] = 'h';
  }
  const output = Array.from({ length: outputs }, (_, index) => `y${index}`);
  node.push({ opType: op, input: inputs, output, attribute: [...attributes] });
  const last = Number(shapes[0]?.at(-1));
  return proto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'g',
      node,
      input: shapes.map((shape, index) =>
        info(`x${index}`, (index === 0 ? stated : undefined) ?? shape, booleans.includes(index) ? BOOL : FLOAT),
      ),
      output: output.map((name) => info(name, undefined)),
      initializer: [...constants, ...(hidden ? [numbers('hidden_bias', new Array<number>(last).fill(0.5))] : [])],
    },
  }).finish();
}

async function run(bytes: Uint8Array, feeds: Readonly<Record<string, Tensor>>): Promise<readonly Tensor[]> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  try {
    const results = await session.run(feeds);
    return session.outputNames.map((name) => results[name]).filter((each) => each !== undefined);
  } finally {
    await session.release();
  }
}

function feedsOf({ op, shapes, booleans = [], positive = false }: Example): Record<string, Tensor> {
  const random = randomStream(7, 'upgrade', op);
  return Object.fromEntries(
    shapes.map((shape, index) => {
      const dims = shape.map(Number);
      const size = dims.reduce((product, dim) => product * dim, 1);
      const data = booleans.includes(index)
        ? new Tensor(
            'bool',
            Uint8Array.from({ length: size }, () => (random.uniform() < 0.7 ? 1 : 0)),
            dims,
          )
        : new Tensor(
            'float32',
            Float32Array.from({ length: size }, () => (positive ? random.uniform() + 0.5 : random.normal())),
            dims,
          );
      return [`x${index}`, data];
    }),
  );
}

const name = ({ op, opset, attributes = [], shapes, hidden }: Example): string =>
  `${op}-${opset} ${attributes.map((each) => each.name).join(' ')} ${JSON.stringify(shapes)}${hidden === true ? ' of unknown shape' : ''}`;

const image: Dims = [2, 4, 6, 6];
const softmaxes = ['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((op): readonly Example[] => [
  { op, opset: 11, shapes: [[2, 3, 4]] },
  { op, opset: 12, shapes: [[2, 3, 4]], attributes: [int('axis', 0)] },
  { op, opset: 11, shapes: [[2, 3, 4]], attributes: [int('axis', -2)] },
  { op, opset: 11, shapes: [[2, 3, 4]], attributes: [int('axis', -1)] },
  { op, opset: 11, shapes: [[2, 3, 1, 1]] },
  { op, opset: 9, shapes: [[2, 3, 4]], stated: ['batch', 3, 4] },
  { op, opset: 11, shapes: [[2, 3, 4]], stated: ['batch', 3, 'length'] },
  { op, opset: 11, shapes: [[2, 3, 4]], hidden: true },
]);
const reductions = ['ReduceMean', 'ReduceMax', 'ReduceL2', 'ReduceSum', 'ReduceProd'].flatMap(
  (op): readonly Example[] => [
    { op, opset: 11, shapes: [[2, 3, 4]], attributes: [ints('axes', [1, -1]), int('keepdims', 0)] },
    { op, opset: 12, shapes: [[2, 3, 4]] },
  ],
);

const older: readonly Example[] = [
  ...softmaxes,
  ...reductions,
  { op: 'Squeeze', opset: 11, shapes: [[2, 1, 3, 1]], attributes: [ints('axes', [1, -1])] },
  { op: 'Squeeze', opset: 12, shapes: [[2, 1, 3, 1]] },
  { op: 'Unsqueeze', opset: 11, shapes: [[2, 3]], attributes: [ints('axes', [0, -1])] },
  { op: 'Split', opset: 11, shapes: [[2, 6]], attributes: [int('axis', 1), ints('split', [1, 5])], outputs: 2 },
  { op: 'Split', opset: 12, shapes: [[2, 6]], attributes: [int('axis', 1)], outputs: 3 },
  { op: 'Split', opset: 17, shapes: [[4, 6]], outputs: 2 },
  { op: 'Clip', opset: 10, shapes: [[2, 3]], attributes: [float('min', -0.5), float('max', 0.25)] },
  { op: 'Clip', opset: 10, shapes: [[2, 3]], attributes: [float('max', 0.25)] },
  { op: 'Clip', opset: 9, shapes: [[2, 3]], attributes: [float('min', 0)], hidden: true },
  { op: 'Clip', opset: 7, shapes: [[2, 3]] },
  { op: 'Dropout', opset: 10, shapes: [[2, 3]], attributes: [float('ratio', 0.3)] },
  { op: 'Dropout', opset: 7, shapes: [[2, 3]] },
  { op: 'Pad', opset: 10, shapes: [[2, 3]], attributes: [ints('pads', [0, 1, 1, 0]), float('value', 1.5)] },
  { op: 'Pad', opset: 9, shapes: [[2, 3]], attributes: [ints('pads', [0, 1, 0, 1]), text('mode', 'reflect')] },
  { op: 'Slice', opset: 9, shapes: [[4, 5]], attributes: [ints('starts', [1, 0]), ints('ends', [3, -1])] },
  { op: 'Slice', opset: 9, shapes: [[4, 5]], attributes: [ints('starts', [1]), ints('ends', [9]), ints('axes', [1])] },
  { op: 'TopK', opset: 9, shapes: [[2, 5]], attributes: [int('k', 3)], outputs: 2 },
  { op: 'Flatten', opset: 9, shapes: [image], attributes: [int('axis', 2)] },
  { op: 'Gemm', opset: 9, shapes: [[2, 3], [3, 4], [4]] },
  { op: 'PRelu', opset: 9, shapes: [[2, 3], [3]] },
  { op: 'Pow', opset: 7, shapes: [[2, 3], [1]], positive: true },
  { op: 'Max', opset: 8, shapes: [[2, 3], [1], [3]] },
  {
    op: 'AveragePool',
    opset: 10,
    shapes: [image],
    attributes: [ints('kernel_shape', [3, 3]), ints('strides', [2, 2]), int('ceil_mode', 1)],
  },
  { op: 'MaxPool', opset: 8, shapes: [image], attributes: [ints('kernel_shape', [2, 2])], outputs: 2 },
  { op: 'BatchNormalization', opset: 9, shapes: [image, [4], [4], [4], [4]], positive: true },
  {
    op: 'BatchNormalization',
    opset: 7,
    shapes: [image, [4], [4], [4], [4]],
    attributes: [float('momentum', 0.8)],
    positive: true,
  },
  { op: 'Upsample', opset: 7, shapes: [[1, 1, 2, 3]], attributes: [floats('scales', [1, 1, 2, 3])] },
  {
    op: 'Upsample',
    opset: 8,
    shapes: [[1, 1, 2, 3]],
    attributes: [floats('scales', [1, 1, 2, 2]), text('mode', 'linear')],
  },
  {
    op: 'Upsample',
    opset: 9,
    shapes: [[1, 1, 3, 3]],
    inputs: ['x0', 's'],
    constants: [numbers('s', [1, 1, 1.5, 2.5])],
  },
  { op: 'Resize', opset: 10, shapes: [[1, 1, 4, 4]], inputs: ['x0', 's'], constants: [numbers('s', [1, 1, 2, 1.6])] },
  { op: 'Resize', opset: 10, shapes: [[1, 1, 5, 5]], inputs: ['x0', 's'], constants: [numbers('s', [1, 1, 0.6, 0.5])] },
  {
    op: 'Resize',
    opset: 10,
    shapes: [[1, 1, 4, 4]],
    inputs: ['x0', 's'],
    constants: [numbers('s', [1, 1, 2, 0.6])],
    attributes: [text('mode', 'linear')],
  },
  ...[11, 13].map((opset): Example => ({
    op: 'Resize',
    opset,
    shapes: [[1, 1, 4, 4]],
    inputs: ['x0', 'roi', 'none', 'sizes'],
    constants: [numbers('roi', []), numbers('none', []), int64s('sizes', [1, 1, 7, 9])],
    attributes: [text('mode', 'linear'), text('coordinate_transformation_mode', 'align_corners')],
  })),
  {
    op: 'Scatter',
    opset: 9,
    shapes: [
      [3, 3],
      [1, 2],
    ],
    inputs: ['x0', 'i', 'x1'],
    constants: [int64s('i', [2, 0], [1, 2])],
  },
  {
    op: 'RoiAlign',
    opset: 10,
    shapes: [[1, 2, 8, 8]],
    inputs: ['x0', 'rois', 'batch'],
    constants: [numbers('rois', [0, 0, 5, 6, 1, 2, 7, 7], [2, 4]), int64s('batch', [0, 0])],
    attributes: [int('output_height', 2), int('output_width', 3), int('sampling_ratio', 2)],
  },
  {
    op: 'LSTM',
    opset: 11,
    shapes: [
      [3, 2, 4],
      [1, 20, 4],
      [1, 20, 5],
    ],
    attributes: [int('hidden_size', 5)],
    outputs: 3,
  },
];

const normalisation = [float('epsilon', 0.01)];
const attended = { op: 'Attention', opset: 23 } as const;
const heads = [int('q_num_heads', 2), int('kv_num_heads', 2)];
const newer: readonly Example[] = [
  { op: 'Gelu', opset: 20, shapes: [[2, 3]] },
  { op: 'Gelu', opset: 26, shapes: [[2, 3]], attributes: [text('approximate', 'tanh')] },
  { op: 'Gelu', opset: 21, shapes: [[2, 3]], hidden: true },
  { op: 'Swish', opset: 24, shapes: [[2, 3]] },
  { op: 'Swish', opset: 24, shapes: [[2, 3]], attributes: [float('alpha', 1.7)] },
  { op: 'HardSwish', opset: 22, shapes: [[2, 3]] },
  {
    op: 'GroupNormalization',
    opset: 21,
    shapes: [image, [4], [4]],
    attributes: [int('num_groups', 2), ...normalisation],
  },
  {
    op: 'GroupNormalization',
    opset: 21,
    shapes: [image, [4], [4]],
    attributes: [int('num_groups', 4)],
    stated: ['n', 4, 'h', 'w'],
  },
  { op: 'RMSNormalization', opset: 23, shapes: [[2, 3, 4], [4]], attributes: normalisation },
  {
    op: 'RMSNormalization',
    opset: 23,
    shapes: [
      [2, 3, 4],
      [3, 4],
    ],
    attributes: [int('axis', 1)],
  },
  {
    op: 'AveragePool',
    opset: 22,
    shapes: [image],
    attributes: [ints('kernel_shape', [3, 3]), ints('dilations', [1, 1])],
  },
  {
    op: 'GridSample',
    opset: 22,
    shapes: [
      [1, 2, 5, 5],
      [1, 3, 3, 2],
    ],
  },
  {
    op: 'GridSample',
    opset: 20,
    shapes: [
      [1, 2, 5, 5],
      [1, 3, 3, 2],
    ],
    attributes: [text('mode', 'cubic')],
  },
  { op: 'DFT', opset: 20, shapes: [[1, 6, 8, 1]] },
  { op: 'DFT', opset: 20, shapes: [[1, 6, 8, 1]], inputs: ['x0', '', 'axis'], constants: [int64s('axis', [1], [])] },
  { op: 'Cast', opset: 24, shapes: [[2, 3]], attributes: [int('to', 11), int('saturate', 1)] },
  { op: 'Reshape', opset: 25, shapes: [[2, 6]], inputs: ['x0', 's'], constants: [int64s('s', [3, -1])] },
  { op: 'Pad', opset: 21, shapes: [[2, 3]], inputs: ['x0', 'p'], constants: [int64s('p', [0, 1, 0, 1])] },
  { op: 'ReduceMax', opset: 20, shapes: [[2, 3]], inputs: ['x0', 'a'], constants: [int64s('a', [1])] },
  { op: 'TopK', opset: 24, shapes: [[2, 5]], inputs: ['x0', 'k'], constants: [int64s('k', [2])], outputs: 2 },
  {
    op: 'QuantizeLinear',
    opset: 25,
    shapes: [[2, 3]],
    inputs: ['x0', 's', 'z'],
    constants: [numbers('s', [0.1], []), { name: 'z', dims: [], dataType: 3, int32Data: [1] }],
    attributes: [int('saturate', 1)],
  },
  { op: 'QuantizeLinear', opset: 21, shapes: [[2, 3]], inputs: ['x0', 's'], constants: [numbers('s', [0.1], [])] },
  {
    op: 'DequantizeLinear',
    opset: 23,
    shapes: [],
    inputs: ['q', 's'],
    constants: [{ name: 'q', dims: [2, 2], dataType: 3, int32Data: [1, -2, 3, 4] }, numbers('s', [0.5, 2])],
  },
  {
    ...attended,
    shapes: [
      [2, 2, 5, 4],
      [2, 2, 5, 4],
      [2, 2, 5, 4],
    ],
  },
  {
    ...attended,
    shapes: [
      [2, 5, 8],
      [2, 3, 8],
      [2, 3, 8],
    ],
    attributes: heads,
  },
  {
    ...attended,
    opset: 24,
    shapes: [
      [2, 5, 8],
      [2, 5, 8],
      [2, 5, 8],
    ],
    attributes: [...heads, int('is_causal', 1), float('scale', 0.3)],
  },
  {
    ...attended,
    shapes: [
      [2, 2, 5, 4],
      [2, 2, 6, 4],
      [2, 2, 6, 4],
      [5, 6],
    ],
  },
  {
    ...attended,
    shapes: [
      [2, 2, 5, 4],
      [2, 2, 6, 4],
      [2, 2, 6, 4],
      [5, 6],
    ],
    booleans: [3],
  },
  {
    ...attended,
    shapes: [
      [2, 2, 5, 4],
      [2, 2, 6, 4],
      [2, 2, 6, 4],
    ],
    attributes: [float('softcap', 1.5)],
  },
];

describe.each([
  ['older', older],
  ['newer', newer],
])('an %s operator gives the same outputs in opset 18', (_, examples) => {
  it.each(examples.map((example) => [name(example), example] as const))('%s', async (_name, example) => {
    const bytes = modelOf(example);
    const feeds = feedsOf(example);
    const expected = await run(bytes, feeds);
    expect(expected.length).toBeGreaterThan(0);
    const { graph, opset } = readOnnx(bytes);
    expect(opset).toBe(example.opset);
    for (const each of [graph, foldConstants(graph)]) {
      const written = toOnnx(each);
      expect(proto.onnx.ModelProto.decode(written).opsetImport.find(({ domain }) => !domain)?.version).toMatchObject({
        low: 18,
      });
      const actual = await run(written, feeds);
      expect(actual.map(({ dims, type }) => ({ dims, type }))).toEqual(
        expected.map(({ dims, type }) => ({ dims, type })),
      );
      expected.forEach((tensor, index) => {
        const data = actual[index]?.data ?? [];
        expectAllclose(Array.from(data as Float32Array, Number), Array.from(tensor.data as Float32Array, Number), {
          what: `output ${index}`,
          rtol: 1e-5,
          atol: 1e-5,
        });
      });
    }
  });
});

describe('operators without a form in opset 18 are refused by name', () => {
  const x: Dims = [1, 4, 4, 4];
  const refused: readonly [Example, string][] = [
    [{ op: 'Pad', opset: 19, shapes: [x], attributes: [text('mode', 'wrap')] }, 'opset 18 lacks its mode wrap'],
    [
      { op: 'AveragePool', opset: 19, shapes: [x], attributes: [ints('dilations', [2, 2])] },
      'opset 18 lacks its attribute dilations',
    ],
    [
      { op: 'Cast', opset: 21, shapes: [x], attributes: [int('to', 22)] },
      'opset 18 lacks the element type that it casts to',
    ],
    [{ op: 'BatchNormalization', opset: 9, shapes: [x], outputs: 5 }, 'it is in training mode'],
    [{ op: 'Dropout', opset: 9, shapes: [x], outputs: 2 }, 'it gives a mask of numbers'],
    [{ op: 'Resize', opset: 10, shapes: [x, [4]] }, 'it takes the nearest pixel at scales that are computed or mixed'],
    [{ op: 'DeformConv', opset: 19, shapes: [x] }, 'opset 18 lacks what opset 19 brought'],
    [{ op: 'RotaryEmbedding', opset: 23, shapes: [x] }, 'opset 18 lacks what opset 23 brought'],
    [{ op: 'CumProd', opset: 26, shapes: [x] }, 'opset 18 lacks what opset 26 brought'],
    [{ op: 'CumProd', opset: 25, shapes: [x] }, 'opset 25 does not have it'],
    [{ op: 'Mystery', opset: 19, shapes: [x] }, 'it is no standard operator'],
    [{ op: 'Attention', opset: 23, shapes: [x, x, x], outputs: 3 }, 'it gives more than the attended values'],
    [
      { op: 'QuantizeLinear', opset: 21, shapes: [x, [1]], attributes: [int('output_dtype', 21)] },
      'opset 18 quantises to int8 and uint8 only',
    ],
  ];
  it.each(refused.map(([example, reason]) => [name(example), example, reason] as const))('%s', (_, example, reason) => {
    expect(() => readOnnx(modelOf(example), 'm.onnx')).toThrow(
      `m.onnx: operators of opset ${example.opset} that have no form in opset 18; received y0 (${example.op}: ${reason})`,
    );
  });

  it('all at once', () => {
    const nodes = ['CumProd', 'Relu', 'BitCast'].map((opType, index) => ({
      opType,
      name: `n${index}`,
      input: [index === 0 ? 'x' : `v${index - 1}`],
      output: [`v${index}`],
    }));
    const bytes = proto.onnx.ModelProto.encode({
      irVersion: 10,
      opsetImport: [{ domain: '', version: 26 }],
      graph: { name: 'g', node: nodes, input: [info('x', x)], output: [{ name: 'v2' }] },
    }).finish();
    expect(() => readOnnx(bytes)).toThrow('received n0 (CumProd: opset 18 lacks what opset 26 brought), n2 (BitCast: ');
  });
});

it('every version break of an operator is crossed or known to be uncrossable', () => {
  const open: string[] = [];
  for (const [op, versions] of Object.entries(operatorHistory)) {
    versions.forEach((version, index) => {
      const step = version <= 18 ? stepsUp[op]?.[version] : stepsDown[op]?.[version];
      // The first version has nothing in front of it, unless that is opset 18.
      if (step === undefined && (index > 0 || version > 18)) open.push(`${op}-${version}`);
    });
  }
  expect(open).toMatchInlineSnapshot(`
    [
      "AffineGrid-20",
      "BitCast-26",
      "Cast-6",
      "CumProd-26",
      "DeformConv-19",
      "DeformConv-22",
      "GRU-3",
      "GRU-7",
      "GlobalLpPool-2",
      "ImageDecoder-20",
      "LpPool-2",
      "PRelu-6",
      "PRelu-7",
      "RNN-7",
      "RegexFullMatch-20",
      "RotaryEmbedding-23",
      "Scan-9",
      "StringConcat-20",
      "StringSplit-20",
      "TensorScatter-24",
      "Tile-6",
      "Upsample-7",
    ]
  `);
  const steps = [...Object.entries(stepsUp), ...Object.entries(stepsDown)].flatMap(([op, byVersion]) =>
    Object.keys(byVersion).map((version) => [op, Number(version)] as const),
  );
  for (const [op, version] of steps) expect(operatorHistory[op], `${op}-${version}`).toContain(version);
});
