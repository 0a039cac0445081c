import fc from 'fast-check';
import proto, { type onnx } from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { FixheadError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder } from './builder.ts';
import * as nn from './functions.ts';
import { readOnnx, type OnnxModel } from './onnx-read.ts';
import { toOnnx } from './onnx-write.ts';
import { graphText } from './text.ts';

// These models are put together field by field, as other programs may write them.

const { AttributeType } = proto.onnx.AttributeProto;
const FLOAT = 1;
const INT64 = 7;
type Dims = readonly (number | string | undefined)[];

function info(name: string, dims: Dims, elemType = FLOAT): onnx.IValueInfoProto {
  const dim = dims.map((extent) =>
    extent === undefined ? {} : typeof extent === 'string' ? { dimParam: extent } : { dimValue: extent },
  );
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
const ints = (name: string, values: number[]) => ({ name, type: AttributeType.INTS, ints: values });
const int = (name: string, value: number) => ({ name, type: AttributeType.INT, i: value });
const text = (name: string, value: string) => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value),
});
const int64s = (name: string, values: number[]): onnx.ITensorProto => ({
  name,
  dims: [values.length],
  dataType: INT64,
  int64Data: values,
});
const node = (
  opType: string,
  input: string[],
  output: string[],
  attribute: onnx.IAttributeProto[] = [],
): onnx.INodeProto => ({ opType, input, output, attribute });

function bytes(graph: onnx.IGraphProto, model: onnx.IModelProto = {}): Uint8Array {
  return proto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: { name: 'g', ...graph },
    ...model,
  }).finish();
}
const read = (graph: onnx.IGraphProto, model?: onnx.IModelProto): OnnxModel => readOnnx(bytes(graph, model), 'm.onnx');

/** One node between an input `x` and an output `y` that declares no type. */
const single = (
  dims: Dims,
  made: onnx.INodeProto,
  initializer: onnx.ITensorProto[] = [],
  model?: onnx.IModelProto,
): OnnxModel => read({ input: [info('x', dims)], output: [{ name: 'y' }], node: [made], initializer }, model);

describe('nodes of the table', () => {
  const understood: readonly [string, OnnxModel, string][] = [
    [
      'convolution with everything left out',
      read({
        input: [info('x', ['n', 2, 5, 5]), info('w', [4, 2, 3, 3])],
        output: [{ name: 'y' }],
        node: [node('Conv', ['x', 'w', ''], ['y'])],
      }),
      'y = Conv <kernel_shape = [3, 3], pads = [0, 0, 0, 0], strides = [1, 1], dilations = [1, 1], group = 1> (x, w)',
    ],
    [
      'attributes that say the usual',
      single(['n', 2, 5, 5], {
        ...node('MaxPool', ['x'], ['y']),
        attribute: [
          ints('kernel_shape', [2, 2]),
          text('auto_pad', 'NOTSET'),
          int('storage_order', 0),
          ints('dilations', [1, 1]),
        ],
      }),
      'y = MaxPool <kernel_shape = [2, 2], pads = [0, 0, 0, 0], strides = [1, 1]',
    ],
    ['reversed axes', single([2, 3, 4], node('Transpose', ['x'], ['y'])), 'y = Transpose <perm = [2, 1, 0]> (x)'],
    [
      'reduction over everything',
      single([2, 3], node('ReduceSum', ['x'], ['y'])),
      'y = ReduceSum <axes = [0, 1], keepdims = 1> (x)',
    ],
    [
      'empty axes, which mean everything too',
      single([2, 3], node('ReduceMax', ['x', 'axes'], ['y'], [int('keepdims', 0)]), [int64s('axes', [])]),
      'y = ReduceMax <axes = [0, 1], keepdims = 0> (x)',
    ],
    [
      'no reduction at all',
      single([2, 3], node('ReduceSum', ['x'], ['y'], [int('noop_with_empty_axes', 1)])),
      'y = ReduceSum <axes = [], keepdims = 1> (x)',
    ],
    [
      'a slice to the end without axes and steps',
      single([5, 'n'], node('Slice', ['x', 's', 'e'], ['y']), [
        int64s('s', [1]),
        { name: 'e', dims: [1], dataType: INT64, rawData: Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 127) },
      ]),
      'y = Slice <starts = [1], ends = [9007199254740991], axes = [0], steps = [1]> (x)',
    ],
    [
      'allowzero where there is no zero',
      single([2, 3], node('Reshape', ['x', 's'], ['y'], [int('allowzero', 1)]), [int64s('s', [3, -1])]),
      'y = Reshape <shape = [3, -1]> (x)',
    ],
    [
      'the standard domain by its long name',
      single([2], { ...node('Relu', ['x'], ['y']), domain: 'ai.onnx' }),
      'y = Relu (x)',
    ],
    [
      'ONNX Runtime’s own operators',
      single([2, 3], { ...node('FusedMatMul', ['x', 'x'], ['y'], [int('transB', 1)]), domain: 'com.microsoft' }, [], {
        opsetImport: [
          { domain: '', version: 18 },
          { domain: 'com.microsoft', version: 1 },
        ],
      }),
      'y = com.microsoft.FusedMatMul <alpha = 1, transA = 0, transB = 1> (x, x)',
    ],
  ];
  it.each(understood)('understand %s', (_, { graph }, expected) => {
    expect(graph.nodes[0]?.kind).toBe('op');
    expect(graphText(graph)).toContain(`  ${expected}`);
    expect([...graph.initializers.keys()]).toEqual([]);
  });

  it('split evenly, the last part smaller', () => {
    const { graph } = read({
      input: [info('x', [2, 7])],
      output: [{ name: 'a' }, { name: 'c' }],
      node: [node('Split', ['x'], ['a', 'b', 'c'], [int('axis', 1), int('num_outputs', 3)])],
    });
    expect(graphText(graph)).toContain('a, b, c = Split <split = [3, 3, 1], axis = 1> (x)');
    expect(graph.types.get('c')).toEqual({ dtype: 'float32', shape: [2, 1] });
  });

  it('take constants from Constant nodes, of every kind', () => {
    const { graph } = read({
      input: [info('x', [2, 3])],
      output: [{ name: 'y' }, { name: 'f' }, { name: 'fs' }, { name: 'i' }],
      node: [
        node('Constant', [], ['shape'], [ints('value_ints', [3, 2])]),
        node('Constant', [], ['f'], [{ name: 'value_float', type: AttributeType.FLOAT, f: 0.5 }]),
        node('Constant', [], ['fs'], [{ name: 'value_floats', type: AttributeType.FLOATS, floats: [1, 2] }]),
        node('Constant', [], ['i'], [int('value_int', -7)]),
        node('Constant', [], ['t'], [{ name: 'value', type: AttributeType.TENSOR, t: int64s('', [1, 0]) }]),
        node('Reshape', ['x', 'shape'], ['r']),
        node('Gather', ['r', 't'], ['y']),
      ],
    });
    expect(graph.nodes.map(({ name }) => name)).toEqual(['r', 'y']);
    expect(graph.initializers).toEqual(
      new Map<string, unknown>([
        ['f', { dtype: 'float32', shape: [], data: Float32Array.of(0.5) }],
        ['fs', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) }],
        ['i', { dtype: 'int64', shape: [], data: BigInt64Array.of(-7n) }],
        ['t', { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, 0n) }],
      ]),
    );
  });

  it('keep an operand that is also read as a value', () => {
    const { graph } = read({
      input: [info('x', [2, 3])],
      output: [{ name: 'y' }, { name: 'z' }],
      node: [node('Reshape', ['x', 's'], ['y']), node('Identity', ['s'], ['z'])],
      initializer: [int64s('s', [3, 2])],
    });
    expect([...graph.initializers.keys()]).toEqual(['s']);
  });
});

describe('foreign nodes', () => {
  const foreign: readonly [string, OnnxModel][] = [
    ['operators outside the table', single([2], node('Mystery', ['x'], ['y']))],
    [
      'an attribute with another meaning',
      single([1, 1, 5], node('MaxPool', ['x'], ['y'], [ints('kernel_shape', [2]), int('storage_order', 1)])),
    ],
    ['an unknown attribute', single([2], node('Relu', ['x'], ['y'], [int('slope', 1)]))],
    [
      'an attribute of another kind',
      single([2], node('Softmax', ['x'], ['y'], [{ name: 'axis', type: AttributeType.FLOAT, f: 1 }])),
    ],
    ['more inputs than the table has', single([2], node('Add', ['x', 'x', 'x'], ['y']))],
    ['a required attribute that is absent', single([2], node('Concat', ['x'], ['y']))],
    ['a shape the rules do not follow', single(['n', 'm'], node('Concat', ['x', 'x'], ['y'], [int('axis', 0)]))],
    ['an element type fixhead has no array for', single([2], node('Cast', ['x'], ['y'], [int('to', 17)]))],
  ];
  it.each(foreign)('hold %s', (_, { graph, opset }) => {
    expect(graph.nodes[0]).toMatchObject({ kind: 'foreign', version: 18 });
    expect(graph.types.has('y')).toBe(false);
    const again = readOnnx(toOnnx(graph), 'again');
    expect(graphText(again.graph)).toBe(graphText(graph));
    expect(again.opset).toBe(opset);
  });

  it('hold computed operands, and what reads an untyped value; types come from value_info', () => {
    const { graph } = read({
      input: [info('x', [2, 3]), info('s', [2], INT64)],
      output: [info('y', ['n', undefined])],
      node: [
        node('Reshape', ['x', 's'], ['r']),
        node('Relu', ['r'], ['untyped']),
        node('Mystery', ['r'], ['t']),
        node('Relu', ['t'], ['y']),
      ],
      valueInfo: [info('t', ['n', 4])],
    });
    expect(graph.nodes.map(({ kind }) => kind)).toEqual(['foreign', 'foreign', 'foreign', 'op']);
    expect([...graph.types.keys()]).toEqual(['x', 's', 't', 'y']);
    // A table node's own inference counts where the file leaves a dimension open.
    expect(graph.types.get('y')).toEqual({ dtype: 'float32', shape: ['n', 4] });
  });

  it('hold sub-graphs without looking into them', () => {
    const { graph } = single(
      [2],
      node('If', ['x'], ['y'], [{ name: 'then_branch', type: AttributeType.GRAPH, g: { name: 'then' } }]),
    );
    expect(graphText(graph)).toContain('y = If <then_branch = ... a sub-graph> (x)');
  });

  it('name unknown dimensions apart from those of the file', () => {
    const { graph } = read({ input: [info('x', [undefined, 'unknown_0', undefined])], output: [{ name: 'x' }] });
    expect(graph.types.get('x')?.shape).toEqual(['unknown_1', 'unknown_0', 'unknown_2']);
  });
});

describe('files as other programs write them', () => {
  it('may list nodes in any order, without names or with the same one', () => {
    const { graph } = read({
      input: [info('x', [2])],
      output: [{ name: 'c' }],
      node: [
        { ...node('Exp', ['b'], ['c']), name: 'same' },
        { ...node('Relu', ['x'], ['a']), name: 'same' },
        node('Neg', ['a'], ['b']),
      ],
    });
    expect(graph.nodes.map(({ name }) => name)).toEqual(['same_1', 'b', 'same']);
  });

  it('may list initializers among the inputs', () => {
    const { graph } = read({
      input: [info('x', [1]), info('w', [1])],
      output: [{ name: 'y' }],
      node: [node('Add', ['x', 'w'], ['y'])],
      initializer: [{ name: 'w', dims: [1], dataType: FLOAT, floatData: [2] }],
    });
    expect(graph.inputs).toEqual(['x']);
  });

  it('may hold a long chain of nodes, backwards', () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, k) => node('Relu', [k === 0 ? 'x' : `v${k - 1}`], [`v${k}`]));
    const { graph } = read({ input: [info('x', [1])], output: [{ name: `v${count - 1}` }], node: chain.reverse() });
    expect(graph.nodes.at(-1)?.name).toBe(`v${count - 1}`);
  });

  it('may be given as a Buffer or as a part of a larger one', () => {
    const whole = bytes({ input: [info('x', [2])], output: [{ name: 'x' }] });
    const padded = new Uint8Array(whole.length + 10);
    padded.set(whole, 5);
    const expected = graphText(readOnnx(whole, 'm').graph);
    expect(graphText(readOnnx(Buffer.from(whole), 'm').graph)).toBe(expected);
    expect(graphText(readOnnx(padded.subarray(5, 5 + whole.length), 'm').graph)).toBe(expected);
  });

  const encodings: readonly [string, onnx.ITensorProto, ArrayLike<number | bigint>][] = [
    ['float32 in float_data', { dataType: 1, floatData: [0.5, -1] }, [0.5, -1]],
    ['float64 in double_data', { dataType: 11, doubleData: [0.1, 2] }, [0.1, 2]],
    ['float16 in int32_data', { dataType: 10, int32Data: [0x3c00, 0xbc00] }, [0x3c00, 0xbc00]],
    ['bfloat16 in int32_data', { dataType: 16, int32Data: [0x3f80, 0] }, [0x3f80, 0]],
    ['int8 in int32_data', { dataType: 3, int32Data: [-1, 127] }, [-1, 127]],
    ['uint8 in int32_data', { dataType: 2, int32Data: [255, 0] }, [255, 0]],
    ['int16 in int32_data', { dataType: 5, int32Data: [-32768, 1] }, [-32768, 1]],
    ['uint16 in int32_data', { dataType: 4, int32Data: [65535, 1] }, [65535, 1]],
    ['int32 in int32_data', { dataType: 6, int32Data: [-(2 ** 31), 1] }, [-(2 ** 31), 1]],
    ['bool in int32_data', { dataType: 9, int32Data: [1, 0] }, [1, 0]],
    ['int64 in int64_data', { dataType: 7, int64Data: [-(2 ** 53), 1] }, [-(2n ** 53n), 1n]],
    ['uint32 in uint64_data', { dataType: 12, uint64Data: [2 ** 32 - 1, 1] }, [2 ** 32 - 1, 1]],
    ['uint64 in uint64_data', { dataType: 13, uint64Data: [2 ** 53, 1] }, [2n ** 53n, 1n]],
    ['float32 in raw_data', { dataType: 1, rawData: Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 192) }, [1, -2]],
  ];
  it.each(encodings)('may store %s', (_, tensor, expected) => {
    const { graph } = read({ initializer: [{ name: 'w', dims: [2], ...tensor }], output: [{ name: 'w' }] });
    expect(Array.from<number | bigint>(graph.initializers.get('w')?.data ?? [])).toEqual(Array.from(expected));
  });
});

describe('readOnnx refuses', () => {
  const w = { name: 'w', dims: [2], dataType: FLOAT, floatData: [1, 2] };
  const badTensor = (fields: onnx.ITensorProto) => () => read({ initializer: [{ ...w, ...fields }] });
  const x = info('x', [2]);
  const refusals: readonly [string, () => unknown, string][] = [
    [
      'a PNG',
      () => readOnnx(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13), 'cat.png'),
      'cat.png: this is not an ONNX model, or it is damaged; expected the bytes of a .onnx file',
    ],
    ['nothing', () => readOnnx(new Uint8Array(0), 'm.onnx'), 'm.onnx: this is not an ONNX model'],
    [
      'text',
      () => readOnnx(new TextEncoder().encode('<!DOCTYPE html>'), 'm.onnx'),
      'm.onnx: this is not an ONNX model',
    ],
    [
      'a model without operator sets',
      () => read({ input: [x] }, { opsetImport: [] }),
      'm.onnx: this is not an ONNX model',
    ],
    [
      'an impossible operator set',
      () => read({ input: [x] }, { opsetImport: [{ domain: '', version: -1 }] }),
      'm.onnx: impossible operator-set version; received -1',
    ],
    [
      'a domain that is not imported',
      () => single([2], { ...node('F', ['x'], ['y']), domain: 'custom' }),
      "node y (F): the model imports no operator set for the domain 'custom'; choose from ai.onnx",
    ],
    ['a node without operator', () => single([2], node('', ['x'], ['y'])), 'm.onnx: node y: node without an operator'],
    [
      'external data',
      badTensor({
        floatData: [],
        dataLocation: proto.onnx.TensorProto.DataLocation.EXTERNAL,
        externalData: [{ key: 'location', value: 'w.bin' }],
      }),
      'm.onnx: initializer w: the tensor lies in another file; received w.bin; read the model from its folder',
    ],
    ['segments', badTensor({ segment: { begin: 0, end: 1 } }), 'the tensor is split into segments'],
    [
      'sparse initializers',
      () => read({ sparseInitializer: [{ dims: [2] }] }),
      'm.onnx: sparse initializers are not supported',
    ],
    [
      'a newer operator set',
      () => read({ input: [x] }, { opsetImport: [{ domain: '', version: 27 }] }),
      'm.onnx: the model is of opset 27, newer than is known; expected an opset up to 26',
    ],
    [
      'a newer file format',
      () => read({ input: [x] }, { irVersion: 14 }),
      'm.onnx: the file is of a newer version of ONNX’s format than is known; expected an IR version up to 13, the newest that ONNX Runtime accepts, received 14',
    ],
    [
      'more axes than any tensor has',
      badTensor({ dims: new Array<number>(65).fill(1) }),
      'initializer w: impossible shape; expected up to 64 axes, received 65',
    ],
    [
      'strings',
      badTensor({ dataType: 8 }),
      'initializer w: unknown element type; expected a floating-point, integer or boolean type, received TensorProto.DataType 8',
    ],
    [
      'raw data of another length',
      badTensor({ floatData: [], rawData: new Uint8Array(9) }),
      'initializer w: tensor data does not fit its shape; expected 2 elements of float32 for [2], received 9 bytes',
    ],
    ['too few elements', badTensor({ floatData: [1] }), 'expected 2 elements of float32 for [2], received 1 elements'],
    [
      'a huge declared size',
      badTensor({ dims: [2 ** 40, 2 ** 40] }),
      'expected 1208925819614629174706176 elements of float32 for [1099511627776, 1099511627776], received 2 elements',
    ],
    ['a negative dimension', badTensor({ dims: [-1] }), 'initializer w: impossible dimension; received -1'],
    [
      'a dimension beyond exact integers',
      badTensor({ dims: [2 ** 62] }),
      'impossible dimension; received 4611686018427387904',
    ],
    [
      'a negative dimension of a value',
      () => read({ input: [info('x', [-3])] }),
      'm.onnx: value x: impossible dimension; received -3',
    ],
    [
      'inputs that are not tensors',
      () => read({ input: [{ name: 'x', type: { sequenceType: {} } }] }),
      'm.onnx: input x: the input is not a numeric tensor of known rank',
    ],
    ['two inputs of one name', () => read({ input: [x, x] }), 'm.onnx: two inputs are named x'],
    ['two initializers of one name', () => read({ initializer: [w, w] }), 'two initializers are named w'],
    ['an unnamed initializer', () => read({ initializer: [{ ...w, name: '' }] }), 'initializer without a name'],
    [
      'two attributes of one name',
      () => single([2], node('F', ['x'], ['y'], [int('a', 1), int('a', 2)])),
      'node y (F): two attributes are named a',
    ],
    [
      'a value made twice',
      () => read({ input: [x], node: [node('Relu', ['x'], ['y']), node('Exp', ['x'], ['y'])] }),
      'node y_1 (Exp): value y is defined twice',
    ],
    ['a value that shadows an input', () => single([2], node('Relu', ['x'], ['x'])), 'value x is defined twice'],
    [
      'a constant that shadows an initializer',
      () => read({ initializer: [w], node: [node('Constant', [], ['w'], [int('value_int', 1)])] }),
      'value w is defined twice',
    ],
    ['an undefined input', () => single([2], node('Relu', ['z'], ['y'])), 'input z is not defined anywhere'],
    ['an undefined output', () => read({ input: [x], output: [{ name: 'z' }] }), 'm.onnx: output z is not defined'],
    [
      'a cycle',
      () => read({ node: [node('Relu', ['b'], ['a']), node('Relu', ['a'], ['b'])], output: [{ name: 'a' }] }),
      'm.onnx: the nodes form a cycle; received node b needs a, which node a makes out of it',
    ],
    ['a node that reads itself', () => read({ node: [node('Relu', ['a'], ['a'])] }), 'the nodes form a cycle'],
    [
      'a declared type that cannot be',
      () => read({ input: [x], output: [info('y', [3])], node: [node('Relu', ['x'], ['y'])] }),
      'node y (Relu): value y cannot have its declared type; expected float[2], received float[3]',
    ],
    [
      'a tensor attribute without tensor',
      () => single([2], node('F', ['x'], ['y'], [{ name: 't', type: AttributeType.TENSOR }])),
      'node y (F): attribute t: tensor attribute without a tensor',
    ],
  ];
  it.each(refusals)('%s', (_, attempt, message) => {
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ kind: 'input' }));
  });
});

/** Fails unless the bytes are read or refused as bad input. */
function readOrRefuse(given: Uint8Array): OnnxModel | undefined {
  try {
    return readOnnx(given, 'fuzz');
  } catch (error) {
    if (error instanceof FixheadError && error.kind === 'input') return undefined;
    throw error;
  }
}

function sample(): Uint8Array {
  const b = createBuilder('sample');
  const x = b.input('x', 'float32', ['batch', 2, 4, 4]);
  const weights = Float32Array.from({ length: 12 }, (_, k) => k - 6);
  const y = nn.relu(b, nn.conv(b, x, b.constant(float32([3, 2, 1, 2], weights), 'w'), { padding: 0 }));
  b.raw({
    kind: 'foreign',
    opType: 'Mystery',
    domain: 'custom',
    version: 1,
    name: 'mystery',
    inputs: [y.name],
    outputs: ['m'],
    attributes: new Map([
      ['t', { kind: 'tensor', value: float32([2], [1, 2]) }],
      ['s', { kind: 'string', value: Uint8Array.of(65) }],
      ['f', { kind: 'floats', value: [1] }],
    ]),
  });
  b.output(nn.softmax(b, nn.reshape(b, nn.reduceMean(b, y, [2, 3]), [-1, 3])), 'probabilities');
  return toOnnx(b.build(), { metadata: { labels: 'a,b,c' } });
}

describe('damaged files', () => {
  const whole = sample();

  it('cut off anywhere are refused, or only lack what stands after the graph', () => {
    const expected = graphText(readOnnx(whole, 'm').graph);
    let readable = 0;
    for (let length = 0; length < whole.length; length++) {
      const model = readOrRefuse(whole.subarray(0, length));
      if (model === undefined) continue;
      readable++;
      // A cut between two fields leaves a valid message: here without the metadata.
      expect(graphText(model.graph)).toBe(expected);
      expect(model.metadata).toEqual({});
    }
    expect(readable).toBe(1);
    for (const buffer of [Buffer.from(whole.subarray(0, -1)), Buffer.from(whole.subarray(0, 9))]) {
      expect(() => readOnnx(buffer, 'm')).toThrow('not an ONNX model, or it is damaged');
    }
  });

  it('with changed bytes are read or refused, and what is read can be written', () => {
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    let readable = 0;
    fc.assert(
      fc.property(edits, (changes) => {
        const damaged = Uint8Array.from(whole);
        for (const [position, value] of changes) damaged[position] = value;
        const model = readOrRefuse(damaged);
        if (model === undefined) return;
        readable++;
        const opaque = model.graph.nodes.some(
          (each) => each.kind === 'foreign' && [...each.attributes.values()].some(({ kind }) => kind === 'opaque'),
        );
        if (opaque) return;
        expect(graphText(readOnnx(toOnnx(model.graph), 'again').graph)).toBe(graphText(model.graph));
      }),
      { numRuns: 1500 },
    );
    expect(readable).toBeGreaterThan(30);
  });

  it('with bytes put in or taken out are read or refused', () => {
    const edit = fc.tuple(fc.nat(whole.length - 1), fc.nat(20), fc.uint8Array({ maxLength: 12 }));
    fc.assert(
      fc.property(edit, ([position, removed, added]) => {
        const tail = whole.subarray(position + removed);
        const damaged = new Uint8Array(position + added.length + tail.length);
        damaged.set(whole.subarray(0, position));
        damaged.set(added, position);
        damaged.set(tail, position + added.length);
        readOrRefuse(damaged);
      }),
      { numRuns: 2000 },
    );
  });

  it('of random bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (given) => {
        expect(readOrRefuse(given)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  it('nested without end are refused', () => {
    // Graphs in attributes in nodes in graphs ...: each layer wraps the bytes of the last as fields 7, 1, 5, 6.
    let nested: Uint8Array = new Uint8Array(0);
    const wrap = (field: number, content: Uint8Array): Uint8Array => {
      const length: number[] = [];
      let rest = content.length;
      for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
      return Uint8Array.of((field << 3) | 2, ...length, rest, ...content);
    };
    for (let depth = 0; depth < 400; depth++) nested = wrap(1, wrap(5, wrap(6, nested)));
    expect(readOrRefuse(wrap(7, nested))).toBeUndefined();
    // Groups, an old protobuf construct that the codec skips by recursion.
    expect(readOrRefuse(new Uint8Array(200_000).fill(0x0b))).toBeUndefined();
  });
});
