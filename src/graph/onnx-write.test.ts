import proto from 'onnx-proto';
import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { float32, int64, type HostTensor } from '../core/tensor.ts';
import { createBuilder } from './builder.ts';
import * as nn from './functions.ts';
import type { ForeignAttribute, ForeignNode, Graph } from './graph.ts';
import { readOnnx } from './onnx-read.ts';
import { toOnnx } from './onnx-write.ts';
import { graphText } from './text.ts';

const decode = (graph: Graph) => proto.onnx.ModelProto.decode(toOnnx(graph)).graph;

function classifier(): Graph {
  const b = createBuilder('classifier');
  const x = b.input('x', 'float32', ['batch', 2, 2]);
  const w = b.constant(float32([4, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1]), 'w');
  b.output(nn.matmul(b, nn.flatten(b, x), w), 'logits');
  return b.build();
}

function foreignGraph(attributes: ReadonlyMap<string, ForeignAttribute>, fields: Partial<ForeignNode> = {}): Graph {
  const b = createBuilder('foreign');
  b.input('x', 'float32', [2]);
  b.raw({
    kind: 'foreign',
    opType: 'Mystery',
    domain: 'custom',
    version: 3,
    name: 'mystery',
    inputs: ['x', '', 'x'],
    outputs: ['y', '', 'z'],
    attributes,
    ...fields,
  });
  const { types, ...graph } = b.build();
  return { ...graph, outputs: ['y'], types: new Map([...types, ['z', { dtype: 'bool', shape: ['n', 2] }]]) };
}

describe('toOnnx', () => {
  it('gives a model that ONNX Runtime runs at any batch size', async () => {
    const session = await ort.InferenceSession.create(toOnnx(classifier()));
    const x = new ort.Tensor('float32', Float32Array.from([1, 2, 3, 4, 0, 0, 0, 1]), [2, 2, 2]);
    const { logits } = await session.run({ x });
    expect(logits?.dims).toEqual([2, 3]);
    expect(logits?.data).toEqual(Float32Array.from([5, 6, 7, 1, 1, 1]));
    await session.release();
  });

  it('writes what the format asks for', () => {
    const bytes = toOnnx(classifier(), { producer: 'test', metadata: { labels: 'a,b,c' }, docString: 'about' });
    const model = proto.onnx.ModelProto.toObject(proto.onnx.ModelProto.decode(bytes), { longs: Number });
    expect(model).toMatchObject({
      irVersion: 8,
      producerName: 'test',
      docString: 'about',
      opsetImport: [{ domain: '', version: 18 }],
      metadataProps: [{ key: 'labels', value: 'a,b,c' }],
      graph: {
        name: 'classifier',
        input: [
          {
            name: 'x',
            type: {
              tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: 2 }, { dimValue: 2 }] } },
            },
          },
        ],
        output: [{ name: 'logits' }],
        node: [{ opType: 'Reshape', input: ['x', 'operand_0'] }, { opType: 'MatMul' }, { opType: 'Identity' }],
        initializer: [
          { name: 'w', dataType: 1, dims: [4, 3] },
          { name: 'operand_0', dataType: 7, dims: [2] },
        ],
      },
    });
  });

  it('gives equal bytes for equal graphs, in memory of their own', () => {
    const bytes = toOnnx(classifier());
    expect(toOnnx(classifier())).toEqual(bytes);
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
  });

  it('shares constant operands by value and keeps clear of names in use', () => {
    const b = createBuilder('operands');
    const x = b.input('operand_0', 'float32', [2, 6]);
    const parts = [nn.reshape(b, x, [3, 4]), nn.reshape(b, x, [3, 4]), nn.reshape(b, x, [4, 3])];
    parts.forEach((part) => {
      b.output(part);
    });
    expect(decode(b.build())?.node?.map(({ input }) => input?.[1])).toEqual(['operand_1', 'operand_1', 'operand_2']);
  });

  it('puts Slice’s operands where ONNX has them', () => {
    const b = createBuilder('slice');
    b.output(nn.slice(b, b.input('x', 'float32', [9, 9]), 1, 3, 7));
    const graph = decode(b.build());
    // starts [3], ends [7], axes and steps both [1]
    expect(graph?.node?.[0]?.input).toEqual(['x', 'operand_0', 'operand_1', 'operand_2', 'operand_2']);
  });

  it('leaves out an empty activation, which the blocked Conv would not know', () => {
    const b = createBuilder('blocked');
    const [x, w] = [b.input('x', 'float32', [1, 16, 2, 2]), b.input('w', 'float32', [16, 16, 1, 1])];
    const conv = { kernel_shape: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 1 };
    b.output(b.op('nchwc.Conv', [x, w], { ...conv, activation: '', activation_params: [] }));
    b.output(b.op('nchwc.Conv', [x, w], { ...conv, activation: 'Relu', activation_params: [] }));
    const named = decode(b.build())?.node?.map(({ attribute }) => attribute?.some(({ name }) => name === 'activation'));
    expect(named).toEqual([false, true]);
  });

  it('writes special floats and large integers exactly', async () => {
    const b = createBuilder('special');
    const values = [NaN, Infinity, -Infinity, -0, 1e-45, 3.4028234663852886e38];
    b.output(b.constant(float32([6], values), 'floats'));
    b.output(b.constant(int64([2], [Number.MAX_SAFE_INTEGER, -1]), 'ints'));
    const session = await ort.InferenceSession.create(toOnnx(b.build()));
    const { floats, ints } = await session.run({});
    expect(floats?.data).toEqual(Float32Array.from(values));
    expect(ints?.data).toEqual(BigInt64Array.of(9007199254740991n, -1n));
    await session.release();
  });

  it('carries foreign nodes through unchanged', () => {
    const attributes = new Map<string, ForeignAttribute>([
      ['i', { kind: 'int', value: -(2n ** 63n) }],
      ['is', { kind: 'ints', value: [2n ** 62n + 1n, -1n] }],
      ['f', { kind: 'float', value: Math.fround(0.1) }],
      ['fs', { kind: 'floats', value: [0.25, -1] }],
      ['s', { kind: 'string', value: Uint8Array.of(255, 0, 65) }],
      ['ss', { kind: 'strings', value: [Uint8Array.of(1), new Uint8Array(0)] }],
      ['t', { kind: 'tensor', value: int64([2], [1, -1]) }],
    ]);
    const graph = foreignGraph(attributes);
    const { graph: back } = readOnnx(toOnnx(graph), 'test');
    expect(back.nodes).toEqual(graph.nodes);
    expect(new Map(back.types)).toEqual(new Map(graph.types));
    expect(graphText(back)).toBe(graphText(graph));
    expect(toOnnx(back)).toEqual(toOnnx(graph));
  });

  it('refuses what has no ONNX form', () => {
    const b = createBuilder('macro');
    const x = b.input('x', 'float32', [2]);
    b.output(b.op('ReluGrad', [x, x], {}));
    expect(() => toOnnx(b.build())).toThrow(
      'ReluGrad = fixhead.ReluGrad (x, x): internal: macro operators have no ONNX form; lower the graph first',
    );
    const subGraph = new Map<string, ForeignAttribute>([['body', { kind: 'opaque', description: 'a sub-graph' }]]);
    expect(() => toOnnx(foreignGraph(subGraph, { opType: 'Loop' }))).toThrow(
      'node mystery (Loop): this operator cannot be written back; received attribute body: a sub-graph',
    );
  });

  it('refuses two versions of one operator set in a file, and writes a single one of another domain', () => {
    const old = foreignGraph(new Map(), { domain: '', version: 17, inputs: ['x'], outputs: ['y'] });
    const custom = foreignGraph(new Map(), { domain: 'custom', version: 3, inputs: ['x'], outputs: ['y'] });
    expect(readOnnx(toOnnx(custom), 'test').graph.nodes[0]).toMatchObject({ domain: 'custom', version: 3 });
    const b = createBuilder('mixed', old);
    b.output(nn.relu(b, b.value('x')));
    expect(() => toOnnx(b.build())).toThrow("operators of versions 17 and 18 of 'ai.onnx' cannot share a file");
  });

  it('refuses more than a file can hold', () => {
    const b = createBuilder('large');
    b.output(b.input('x', 'float32', [1]));
    const graph = b.build();
    // Only its size counts here; two gigabytes of memory would be much for a test.
    const large = { dtype: 'float32', shape: [2 ** 29], data: { byteLength: 2 ** 31 } } as never;
    expect(() => toOnnx({ ...graph, initializers: new Map([['w', large]]) })).toThrow(
      'large: the model is too large for one ONNX file; expected less than 2 GiB, received 2.0 GiB of initializers',
    );
  });

  it('refuses attribute values of another kind than the table says', () => {
    const b = createBuilder('kinds');
    const x = b.input('x', 'float32', [2, 2]);
    b.output(b.op('Softmax', [x], { axis: 1 }));
    const graph = b.build();
    const withAxis = (axis: unknown): Graph => ({
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, attributes: { axis } }) as never),
    });
    expect(() => toOnnx(withAxis(0.5))).toThrow('attribute axis is not of kind int');
    expect(() => toOnnx(withAxis('1'))).toThrow('attribute axis is not of kind int');
  });
});

describe('the round trip keeps', () => {
  const dtypes: readonly HostTensor[] = [
    float32([2], [0.1, -2]),
    int64([0, 3], []),
    { dtype: 'float64', shape: [1], data: Float64Array.of(0.1) },
    { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xfc00) },
    { dtype: 'bfloat16', shape: [1], data: Uint16Array.of(0x3f80) },
    { dtype: 'int8', shape: [1], data: Int8Array.of(-128) },
    { dtype: 'uint8', shape: [1], data: Uint8Array.of(255) },
    { dtype: 'int16', shape: [1], data: Int16Array.of(-32768) },
    { dtype: 'uint16', shape: [1], data: Uint16Array.of(65535) },
    { dtype: 'int32', shape: [], data: Int32Array.of(-1) },
    { dtype: 'uint32', shape: [1], data: Uint32Array.of(4294967295) },
    { dtype: 'uint64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
    { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
  ];

  it('initializers of every element type, unused ones too', () => {
    const b = createBuilder('dtypes');
    for (const value of dtypes) b.named(value.dtype, value);
    const { initializers } = readOnnx(toOnnx(b.build()), 'test').graph;
    expect([...initializers.keys()]).toEqual(dtypes.map(({ dtype }) => dtype));
    for (const value of dtypes) expect(initializers.get(value.dtype)).toEqual(value);
  });

  it('int64 initializers that look like operands', () => {
    const b = createBuilder('lookalike');
    const x = b.input('x', 'float32', [4]);
    const indices = b.constant(int64([2], [2, 2]), 'indices');
    b.output(nn.reshape(b, nn.gather(b, x, indices, 0), [2, 1]));
    b.output(nn.reshape(b, x, [2, 2]));
    const graph = b.build();
    const back = readOnnx(toOnnx(graph), 'test').graph;
    expect(graphText(back)).toBe(graphText(graph));
    expect([...back.initializers.keys()]).toEqual(['indices']);
  });

  it('names, producer and metadata beyond ASCII', () => {
    const b = createBuilder('netz-µ');
    b.output(nn.relu(b, b.input('größe/Ω', 'float32', ['β'])), '出力');
    const graph = b.build();
    const back = readOnnx(toOnnx(graph, { producer: 'ü', metadata: { ключ: '👍', __proto__x: '' } }), 'test');
    expect(graphText(back.graph)).toBe(graphText(graph));
    expect(back).toMatchObject({ producer: 'ü', metadata: { ключ: '👍', __proto__x: '' }, opset: 18 });
  });

  it('float attributes of ordinary decimals', () => {
    const b = createBuilder('floats');
    b.output(b.op('HardSigmoid', [b.input('x', 'float32', [1])], { alpha: 3e38, beta: 0.1 }));
    expect(readOnnx(toOnnx(b.build()), 'test').graph.nodes[0]?.attributes).toEqual({ alpha: 3e38, beta: 0.1 });
  });
});
