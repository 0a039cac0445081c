import { describe, expect, it, test } from 'vitest';
import ort from 'onnxruntime-node';
import { defined } from '../core/errors.ts';
import { isStatic, type Shape } from '../core/shape.ts';
import { float32, int64, tensor, type DType, type HostTensor } from '../core/tensor.ts';
import { foldConstants } from './fold.ts';
import { countOperators, type ForeignAttribute, type Graph, type GraphNode, type TensorType } from './graph.ts';
import { readOnnx } from './onnx-read.ts';
import { toOnnx } from './onnx-write.ts';
import { graphText } from './text.ts';

type Attributes = Readonly<Record<string, ForeignAttribute>>;

const int = (value: number): ForeignAttribute => ({ kind: 'int', value: BigInt(value) });
const ints = (...values: number[]): ForeignAttribute => ({ kind: 'ints', value: values.map(BigInt) });

/** A node as a file has it, before it is recognised. */
const node = (opType: string, inputs: string, outputs: string, attributes: Attributes = {}): GraphNode => ({
  kind: 'foreign',
  opType,
  domain: '',
  version: 18,
  name: outputs.split(' ')[0] ?? '',
  inputs: inputs.split(' '),
  outputs: outputs.split(' '),
  attributes: new Map(Object.entries(attributes)),
});

interface Parts {
  readonly inputs?: Readonly<Record<string, readonly [DType, ...Shape]>>;
  readonly constants?: Readonly<Record<string, HostTensor>>;
  readonly nodes: readonly GraphNode[];
  readonly outputs: string;
}

/** The graph that reading a file with these nodes gives. */
function read({ inputs = {}, constants = {}, nodes, outputs }: Parts): Graph {
  const types = new Map<string, TensorType>();
  for (const [name, [dtype, ...shape]] of Object.entries(inputs)) types.set(name, { dtype, shape });
  for (const [name, { dtype, shape }] of Object.entries(constants)) types.set(name, { dtype, shape });
  const graph = {
    name: 'test',
    inputs: Object.keys(inputs),
    outputs: outputs.split(' '),
    nodes,
    initializers: new Map(Object.entries(constants)),
    types,
  };
  return readOnnx(toOnnx(graph), 'test.onnx').graph;
}

const names: Partial<Record<DType, ort.Tensor.Type>> = {
  float32: 'float32',
  float64: 'float64',
  int64: 'int64',
  int32: 'int32',
  bool: 'bool',
};

/** What ONNX Runtime computes, by output. */
async function executed(
  graph: Graph,
  feeds: Readonly<Record<string, HostTensor>> = {},
): Promise<readonly { readonly shape: readonly number[]; readonly data: readonly unknown[] }[]> {
  const session = await ort.InferenceSession.create(toOnnx(graph), { intraOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    const given = Object.entries(feeds).map(([name, value]) => {
      const type = defined(names[value.dtype], value.dtype);
      return [name, new ort.Tensor(type, value.data as Float32Array, value.shape)] as const;
    });
    const results = await session.run(Object.fromEntries(given));
    return graph.outputs.map((name) => {
      const { dims, data } = defined(results[name], name);
      return { shape: dims, data: Array.from(data as ArrayLike<unknown>) };
    });
  } finally {
    await session.release();
  }
}

const ramp = (...shape: number[]): HostTensor =>
  float32(
    shape,
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, index) => index / 8 - 1),
  );
const sizes = (...values: number[]): HostTensor => int64([values.length], values);
const number = (value: number): HostTensor => int64([], [value]);
const flags = (...values: number[]): HostTensor => tensor('bool', [values.length], Uint8Array.from(values));

const operators = (graph: Graph): Readonly<Record<string, number>> => Object.fromEntries(countOperators(graph));

/** `x.view(x.size(0), 2, x.size(1) // 2, x.size(2), -1)` as PyTorch writes it. */
const channelShuffle = (batch: number | string): Parts => ({
  inputs: { x: ['float32', batch, 6, 3, 2] },
  constants: { zero: number(0), one: number(1), two: number(2), axis: sizes(0), pair: sizes(2), rest: sizes(-1) },
  nodes: [
    node('Shape', 'x', 's0'),
    node('Gather', 's0 zero', 'n', { axis: int(0) }),
    node('Shape', 'x', 's1'),
    node('Gather', 's1 one', 'c', { axis: int(0) }),
    node('Shape', 'x', 's2'),
    node('Gather', 's2 two', 'h', { axis: int(0) }),
    node('Div', 'c two', 'half'),
    node('Unsqueeze', 'n axis', 'n1'),
    node('Unsqueeze', 'half axis', 'half1'),
    node('Unsqueeze', 'h axis', 'h1'),
    node('Concat', 'n1 pair half1 h1 rest', 'target', { axis: int(0) }),
    node('Reshape', 'x target', 'apart'),
    node('Transpose', 'apart', 'swapped', { perm: ints(0, 2, 1, 3, 4) }),
    node('Shape', 'x', 'same'),
    node('Reshape', 'swapped same', 'y'),
  ],
  outputs: 'y',
});

describe('shape arithmetic', () => {
  test.each([4, 'batch'])('of a channel shuffle disappears, batch %s', async (batch) => {
    const graph = read(channelShuffle(batch));
    const folded = foldConstants(graph);
    expect(operators(folded)).toEqual({ Reshape: 2, Transpose: 1 });
    expect(folded.nodes.every(({ kind }) => kind === 'op')).toBe(true);
    expect(folded.types.get('apart')?.shape).toEqual([batch, 2, 3, 3, 2]);
    expect(folded.types.get('y')?.shape).toEqual([batch, 6, 3, 2]);
    const x = ramp(4, 6, 3, 2);
    expect(await executed(folded, { x })).toEqual(await executed(graph, { x }));
  });

  test('of attention folds heads into the batch and out of it', async () => {
    // q: [length, batch, 2·3] to [length, batch·2, 3], and back.
    const graph = read({
      inputs: { q: ['float32', 5, 'batch', 6] },
      constants: { one: number(1), heads: number(2), axis: sizes(0), length: sizes(5), width: sizes(3), all: sizes(6) },
      nodes: [
        node('Shape', 'q', 's'),
        node('Gather', 's one', 'n'),
        node('Mul', 'n heads', 'both'),
        node('Unsqueeze', 'both axis', 'both1'),
        node('Concat', 'length both1 width', 'apart', { axis: int(0) }),
        node('Reshape', 'q apart', 'split'),
        node('Unsqueeze', 'n axis', 'n1'),
        node('Concat', 'length n1 all', 'together', { axis: int(0) }),
        node('Reshape', 'split together', 'y'),
      ],
      outputs: 'split y',
    });
    const folded = foldConstants(graph);
    expect(operators(folded)).toEqual({ Reshape: 2 });
    expect(folded.types.get('split')?.shape).toEqual([5, 'batch·2', 3]);
    expect(folded.types.get('y')?.shape).toEqual([5, 'batch', 6]);
    const q = ramp(5, 3, 6);
    expect(await executed(folded, { q })).toEqual(await executed(graph, { q }));
  });

  test('of expand(batch, -1, -1) stays where it needs the batch, but its result has a type', async () => {
    const graph = read({
      inputs: { x: ['float32', 'batch', 7] },
      constants: {
        token: ramp(1, 1, 7),
        zero: number(0),
        axis: sizes(0),
        second: sizes(1),
        keep: sizes(-1),
        minus: number(-1),
      },
      nodes: [
        node('Shape', 'x', 's'),
        node('Gather', 's zero', 'n'),
        node('Unsqueeze', 'n axis', 'n1'),
        node('Concat', 'n1 keep keep', 'asked', { axis: int(0) }),
        node('Shape', 'asked', 'rank'),
        node('ConstantOfShape', 'rank', 'ones', { value: { kind: 'tensor', value: sizes(1) } }),
        node('Mul', 'ones minus', 'minus_ones'),
        node('Equal', 'asked minus_ones', 'unasked'),
        node('Where', 'unasked ones asked', 'target'),
        node('Expand', 'token target', 'tokens'),
        node('Unsqueeze', 'x second', 'x1'),
        node('Concat', 'tokens x1', 'y', { axis: int(1) }),
      ],
      outputs: 'y',
    });
    const folded = foldConstants(graph);
    expect(folded.types.get('tokens')?.shape).toEqual(['batch', 1, 7]);
    expect(folded.types.get('y')?.shape).toEqual(['batch', 2, 7]);
    const x = ramp(3, 7);
    expect(await executed(folded, { x })).toEqual(await executed(graph, { x }));
  });

  test('brings a constant to the type of another value, once that is known', () => {
    const graph = read({
      inputs: { x: ['float32', 'batch', 4] },
      constants: { six: float32([], [6]), zero: float32([], [0]) },
      nodes: [node('CastLike', 'six x', 'most'), node('Clip', 'x zero most', 'y')],
      outputs: 'y',
    });
    expect(countOperators(foldConstants(graph))).toEqual(new Map([['Clip', 1]]));
  });

  test('fits inputs whose types were replaced', () => {
    const graph = read(channelShuffle('batch'));
    const types = new Map(graph.types);
    types.set('x', { dtype: 'float32', shape: [2, 8, 5, 1] });
    const folded = foldConstants({ ...graph, types });
    expect(folded.types.get('apart')?.shape).toEqual([2, 2, 4, 5, 1]);
    expect([...folded.types.values()].every(({ shape }) => isStatic(shape))).toBe(true);
  });

  test('that contradicts itself is an error naming the node', () => {
    const graph = read({
      inputs: { x: ['float32', 6] },
      constants: { target: sizes(2, 3) },
      nodes: [node('Reshape', 'x target', 'y')],
      outputs: 'y',
    });
    const types = new Map(graph.types).set('x', { dtype: 'float32', shape: [7] });
    expect(() => foldConstants({ ...graph, types })).toThrow(
      'y: Reshape changes the number of elements; received [7] to [2, 3]',
    );
  });

  test('finds that two names are one dimension', () => {
    // The file calls the rows of y `rows`; they are the batch, so y can be added to x.
    const graph = read({
      inputs: { x: ['float32', 'batch', 4] },
      constants: { zero: number(0), axis: sizes(0), rest: sizes(-1) },
      nodes: [
        node('Shape', 'x', 's'),
        node('Gather', 's zero', 'n'),
        node('Unsqueeze', 'n axis', 'n1'),
        node('Concat', 'n1 rest', 'target', { axis: int(0) }),
        node('Reshape', 'x target', 'y'),
        node('Add', 'x y', 'z'),
      ],
      outputs: 'z y',
    });
    const types = new Map(graph.types).set('y', { dtype: 'float32', shape: ['rows', 'columns'] });
    const folded = foldConstants({ ...graph, types });
    expect(folded.types.get('y')?.shape).toEqual(['batch', 4]);
    expect(operators(folded)).toEqual({ Reshape: 1, Add: 1 });
  });
});

/** Operators on constants: what is folded equals what ONNX Runtime computes. */
const evaluations: readonly (readonly [
  name: string,
  op: string,
  operands: readonly HostTensor[],
  attributes?: Attributes,
])[] = [
  ['Transpose', 'Transpose', [int64([2, 3], [1, 2, 3, 4, 5, 6])], { perm: ints(1, 0) }],
  ['Transpose by default', 'Transpose', [int64([1, 2, 3], [1, 2, 3, 4, 5, 6])]],
  ['Reshape', 'Reshape', [int64([2, 3], [1, 2, 3, 4, 5, 6]), sizes(3, -1)]],
  ['Flatten', 'Flatten', [int64([2, 1, 2], [1, 2, 3, 4])]],
  ['Squeeze', 'Squeeze', [int64([1, 2, 1], [5, 6])]],
  ['Unsqueeze', 'Unsqueeze', [sizes(5, 6), sizes(0, -1)]],
  ['Expand', 'Expand', [int64([2, 1], [5, 6]), sizes(3, 1, 2)]],
  ['Expand of a number', 'Expand', [float32([], [0.1]), sizes(2, 2)]],
  ['Tile', 'Tile', [int64([1, 2], [5, 6]), sizes(2, 3)]],
  ['Concat', 'Concat', [int64([2, 1], [1, 2]), int64([2, 2], [3, 4, 5, 6])], { axis: int(1) }],
  ['Slice', 'Slice', [sizes(1, 2, 3, 4, 5), sizes(1), sizes(9), sizes(0), sizes(2)]],
  [
    'Slice back to front',
    'Slice',
    [int64([2, 3], [1, 2, 3, 4, 5, 6]), sizes(-1, -1), sizes(-9, 0), sizes(0, 1), sizes(-1, -1)],
  ],
  ['Gather', 'Gather', [int64([3, 2], [1, 2, 3, 4, 5, 6]), int64([2, 2], [0, -1, 2, 1])]],
  ['Gather a column', 'Gather', [int64([3, 2], [1, 2, 3, 4, 5, 6]), number(-1)], { axis: int(1) }],
  ['int64 beyond what a double holds', 'Add', [tensor('int64', [1], BigInt64Array.of(2n ** 60n + 1n)), sizes(2)]],
  ['int64 that overflows', 'Mul', [tensor('int64', [1], BigInt64Array.of(2n ** 62n + 3n)), sizes(5)]],
  ['Sub, broadcast', 'Sub', [int64([2, 1], [5, 6]), sizes(1, 2, 3)]],
  ['Div towards zero', 'Div', [sizes(7, -7, 7, -7), sizes(2, 2, -2, -2)]],
  ['Mod', 'Mod', [sizes(7, -7, 7, -7), sizes(3, 3, -3, -3)]],
  ['Mod like C', 'Mod', [sizes(7, -7, 7, -7), sizes(3, 3, -3, -3)], { fmod: int(1) }],
  ['Pow', 'Pow', [sizes(3, -2), sizes(4, 3)]],
  ['Neg', 'Neg', [sizes(3, -2)]],
  ['Abs', 'Abs', [sizes(3, -2)]],
  ['Sign', 'Sign', [sizes(3, -2, 0)]],
  ['Min', 'Min', [sizes(3, -2), sizes(1, 1), number(2)]],
  ['Max', 'Max', [sizes(3, -2), sizes(1, 1), number(2)]],
  ['Equal', 'Equal', [sizes(1, 2), sizes(1, 3)]],
  ['Less', 'Less', [sizes(1, 2, 3), number(2)]],
  ['LessOrEqual', 'LessOrEqual', [sizes(1, 2, 3), number(2)]],
  ['Greater', 'Greater', [sizes(1, 2, 3), number(2)]],
  ['GreaterOrEqual', 'GreaterOrEqual', [sizes(1, 2, 3), number(2)]],
  ['Not', 'Not', [flags(1, 0)]],
  ['And', 'And', [flags(1, 0, 1, 0), flags(1, 1, 0, 0)]],
  ['Or', 'Or', [flags(1, 0, 1, 0), flags(1, 1, 0, 0)]],
  ['Xor', 'Xor', [flags(1, 0, 1, 0), flags(1, 1, 0, 0)]],
  ['Where', 'Where', [flags(1, 0), sizes(1, 2), sizes(3, 4)]],
  ['Cast to float', 'Cast', [sizes(1, -2)], { to: int(1) }],
  ['Cast to bool', 'Cast', [sizes(1, 0, -2)], { to: int(9) }],
  ['Cast to int32', 'Cast', [sizes(1, -2)], { to: int(6) }],
  ['Cast of a float', 'Cast', [float32([], [-2.7])], { to: int(7) }],
  ['Sqrt', 'Sqrt', [float32([], [2])]],
  ['Reciprocal', 'Reciprocal', [float32([], [3])]],
  ['Floor', 'Floor', [float32([], [-2.5])]],
  ['Ceil', 'Ceil', [float32([], [-2.5])]],
  ['Round to even', 'Round', [float32([], [2.5])]],
  ['floats in float32', 'Div', [float32([], [1]), float32([], [3])]],
  ['ReduceSum', 'ReduceSum', [int64([2, 3], [1, 2, 3, 4, 5, 6]), sizes(1)]],
  ['ReduceProd', 'ReduceProd', [int64([2, 3], [1, 2, 3, 4, 5, 6]), sizes(0)], { keepdims: int(0) }],
  ['ReduceProd of a shape', 'ReduceProd', [sizes(3, 4, 5)], { keepdims: int(0) }],
  ['ReduceMax', 'ReduceMax', [int64([2, 3], [1, 2, 3, 4, 5, 6]), sizes(-1)]],
  ['ReduceMin', 'ReduceMin', [int64([2, 3], [1, 2, 3, 4, 5, 6]), sizes(-1)]],
  ['Range', 'Range', [number(2), number(11), number(3)]],
  ['Range downwards', 'Range', [number(5), number(0), number(-2)]],
  ['Range of floats', 'Range', [float32([], [0]), float32([], [1]), float32([], [0.3])]],
  ['ConstantOfShape', 'ConstantOfShape', [sizes(2, 3)], { value: { kind: 'tensor', value: sizes(7) } }],
  ['ConstantOfShape by default', 'ConstantOfShape', [sizes(2)]],
];

describe('constants are what ONNX Runtime computes', () => {
  it.each(evaluations.map(([name, ...rest]) => ({ name, rest })))(
    '$name',
    async ({ rest: [op, operands, attributes = {}] }) => {
      const constants = Object.fromEntries(operands.map((value, index) => [`in${index}`, value]));
      const computed = node(op, Object.keys(constants).join(' '), 'result', attributes);
      const [expected] = await executed(read({ constants, nodes: [computed], outputs: 'result' }));
      const folded = foldConstants(
        read({
          constants: { ...constants, flat: sizes(-1) },
          nodes: [computed, node('Reshape', 'result flat', 'y')],
          outputs: 'y',
        }),
      );
      const result = defined(folded.initializers.get('result'), graphText(folded));
      expect({ shape: result.shape, data: Array.from<unknown>(result.data) }).toEqual(expected);
    },
  );
});

describe('what must stay', () => {
  test('a float initializer with an axis is never computed with, whatever its use', () => {
    const weights = { w: ramp(3, 2), b: ramp(2), one: ramp(1, 1), scale: float32([], [2]) };
    const graph = read({
      inputs: { x: ['float32', 'batch', 2] },
      constants: weights,
      nodes: [
        node('Transpose', 'w', 'wt', { perm: ints(1, 0) }),
        node('MatMul', 'x wt', 'p'),
        node('Mul', 'b scale', 'scaled'),
        node('Sqrt', 'one', 'root'),
        node('Add', 'scaled root', 'sum'),
      ],
      outputs: 'p sum',
    });
    const folded = foldConstants(graph);
    expect(operators(folded)).toEqual(operators(graph));
    for (const [name, value] of folded.initializers) expect(value).toBe(graph.initializers.get(name));
  });

  test('a copy of a parameter is the parameter', () => {
    const graph = read({
      inputs: { x: ['float32', 'batch', 2] },
      constants: { w: ramp(2, 2) },
      nodes: [
        node('Identity', 'w', 'shared'),
        node('Identity', 'shared', 'again'),
        node('MatMul', 'x shared', 'p'),
        node('MatMul', 'p again', 'y'),
      ],
      outputs: 'y',
    });
    const folded = foldConstants(graph);
    expect(folded.nodes.map(({ inputs }) => inputs)).toEqual([
      ['x', 'w'],
      ['p', 'w'],
    ]);
    expect([...folded.initializers.keys()]).toEqual(['w']);
  });

  test('the names of inputs and outputs', async () => {
    const graph = read({
      inputs: { x: ['float32', 2, 2] },
      constants: { w: ramp(2, 2) },
      nodes: [
        node('MatMul', 'x w', 'p'),
        node('Identity', 'p', 'p1'),
        node('Identity', 'p1', 'product'),
        node('Identity', 'p1', 'twin'),
        node('Identity', 'x', 'input'),
        node('Identity', 'w', 'weight'),
        node('Relu', 'p1', 'y'),
      ],
      outputs: 'product twin input weight y',
    });
    const folded = foldConstants(graph);
    expect(folded.inputs).toEqual(graph.inputs);
    expect(folded.outputs).toEqual(graph.outputs);
    // One of the twins is the product itself; what is an input, an initializer or another output is copied.
    expect(operators(folded)).toEqual({ MatMul: 1, Identity: 3, Relu: 1 });
    const x = ramp(2, 2);
    expect(await executed(folded, { x })).toEqual(await executed(graph, { x }));
  });

  test('a constant that is an output of the graph keeps its node', () => {
    const graph = read({ constants: { a: sizes(1), b: sizes(2) }, nodes: [node('Add', 'a b', 'sum')], outputs: 'sum' });
    expect(operators(foldConstants(graph))).toEqual({ Add: 1 });
  });

  test.each([
    ['integers divided by zero', node('Div', 'a zero', 'r')],
    ['an index beyond the end', node('Gather', 'a nine', 'r')],
    ['a number repeated a million times', node('Expand', 'a million', 'r')],
    ['a huge ConstantOfShape', node('ConstantOfShape', 'million', 'r')],
    ['an endless Range', node('Range', 'one nine zero0', 'r')],
  ])('%s', (_, kept) => {
    const constants = {
      a: sizes(1, 2),
      zero: sizes(0),
      zero0: number(0),
      one: number(1),
      nine: number(9),
      million: sizes(1000, 1000, 2),
      flat: sizes(-1),
    };
    const graph = read({ constants, nodes: [kept, node('Reshape', 'r flat', 'y')], outputs: 'y' });
    expect(foldConstants(graph).nodes).toHaveLength(2);
  });

  test('a graph with control flow, whose branches may read any value by its name', () => {
    const graph = read(channelShuffle('batch'));
    const branch: GraphNode = {
      ...(node('If', 'y', 'z') as Extract<GraphNode, { kind: 'foreign' }>),
      attributes: new Map([['then_branch', { kind: 'opaque', description: 'a sub-graph' }]]),
    };
    const branching = { ...graph, nodes: [...graph.nodes, branch], outputs: ['z'] };
    expect(foldConstants(branching)).toBe(branching);
  });
});
