import proto, { type onnx } from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../../test/support/onnx-runtime.ts';
import { defined } from '../../core/errors.ts';
import { randomStream } from '../../core/random.ts';
import { sizeOf } from '../../core/shape.ts';
import { float32, type HostTensor } from '../../core/tensor.ts';
import { readOnnx } from '../onnx-read.ts';
import { toOnnx } from '../onnx-write.ts';

// Files may leave padding to the reader of the file; what the table says instead must compute the same.

const { AttributeType } = proto.onnx.AttributeProto;
type Attribute = number | string | readonly number[];

const attribute = (name: string, value: Attribute): onnx.IAttributeProto =>
  typeof value === 'number'
    ? { name, type: AttributeType.INT, i: value }
    : typeof value === 'string'
      ? { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) }
      : { name, type: AttributeType.INTS, ints: [...value] };

const info = (name: string, dims: readonly (number | string)[]): onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: 1,
      shape: { dim: dims.map((dim) => (typeof dim === 'string' ? { dimParam: dim } : { dimValue: dim })) },
    },
  },
});

interface Case {
  readonly op: string;
  readonly x: readonly (number | string)[];
  readonly w?: readonly number[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

function bytesOf({ op, x, w, attributes }: Case): Uint8Array {
  const shapes = w === undefined ? [x] : [x, w];
  const names = ['x', 'w'].slice(0, shapes.length);
  const input = shapes.map((shape, index) => info(names[index] ?? '', shape));
  const graph = {
    name: 'g',
    input,
    output: [info('y', ['n', 'c', ...x.slice(2).map((_, axis) => `d${axis}`)])],
    node: [
      {
        opType: op,
        input: names,
        output: ['y'],
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      },
    ],
  };
  return proto.onnx.ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 18 }], graph }).finish();
}

async function outputOf(bytes: Uint8Array, { x, w }: Case): Promise<HostTensor> {
  const runtime = await cpuRuntime();
  const session = await runtime.createSession(bytes, 'inference');
  const draw = (name: string, shape: readonly (number | string)[]): HostTensor => {
    const numbers = shape.map((dim) => (typeof dim === 'string' ? 2 : dim));
    const random = randomStream('windows', name);
    return float32(
      numbers,
      Float32Array.from({ length: sizeOf(numbers) }, () => random.normal()),
    );
  };
  try {
    const results = await session.run({ x: draw('x', x), ...(w === undefined ? {} : { w: draw('w', w) }) });
    return defined(results['y'], 'y');
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

const stated = (given: Case): Readonly<Record<string, unknown>> | undefined => {
  const [node] = readOnnx(bytesOf(given), 'm.onnx').graph.nodes;
  return node?.kind === 'op' ? node.attributes : undefined;
};

const three = { kernel_shape: [3, 3] };

describe('what a file leaves open becomes explicit pads, and computes the same', () => {
  const understood: readonly (readonly [string, Case, Readonly<Record<string, unknown>>])[] = [
    [
      'Conv, SAME_UPPER',
      { op: 'Conv', x: [1, 2, 6, 7], w: [3, 2, 3, 3], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 3] } },
      { pads: [0, 1, 1, 1] },
    ],
    [
      'Conv, SAME_LOWER, even kernel',
      { op: 'Conv', x: [1, 2, 5, 5], w: [3, 2, 4, 2], attributes: { auto_pad: 'SAME_LOWER' } },
      { pads: [2, 1, 1, 0] },
    ],
    [
      'Conv, SAME_UPPER at stride 1 of an unknown size',
      { op: 'Conv', x: ['n', 2, 5, 5], w: [3, 2, 3, 4], attributes: { auto_pad: 'SAME_UPPER' } },
      { pads: [1, 1, 1, 2] },
    ],
    [
      'Conv, VALID',
      { op: 'Conv', x: [1, 2, 5, 5], w: [3, 2, 3, 3], attributes: { auto_pad: 'VALID' } },
      { pads: [0, 0, 0, 0] },
    ],
    [
      'MaxPool, SAME_LOWER',
      { op: 'MaxPool', x: [1, 2, 6, 8], attributes: { ...three, auto_pad: 'SAME_LOWER', strides: [2, 2] } },
      { pads: [1, 1, 0, 0], dilations: [1, 1] },
    ],
    [
      'AveragePool, SAME_UPPER',
      { op: 'AveragePool', x: [1, 2, 6, 8], attributes: { ...three, auto_pad: 'SAME_UPPER', strides: [2, 2] } },
      { pads: [0, 0, 1, 1], count_include_pad: 0 },
    ],
    [
      'MaxPool, sizes rounded up',
      { op: 'MaxPool', x: [1, 2, 6, 7], attributes: { ...three, ceil_mode: 1, strides: [2, 2] } },
      { pads: [0, 0, 1, 0] },
    ],
    [
      'MaxPool, sizes rounded up, a last window that would start in the padding',
      {
        op: 'MaxPool',
        x: [1, 2, 5, 4],
        attributes: { kernel_shape: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1, strides: [2, 3] },
      },
      { pads: [1, 1, 1, 1] },
    ],
    [
      'AveragePool, sizes rounded up, padding not counted',
      {
        op: 'AveragePool',
        x: [1, 2, 6, 8],
        attributes: { ...three, pads: [1, 1, 1, 1], ceil_mode: 1, strides: [2, 2] },
      },
      { pads: [1, 1, 2, 2], count_include_pad: 0 },
    ],
    [
      'AveragePool, sizes rounded up without padding: what hangs over is never counted',
      {
        op: 'AveragePool',
        x: [1, 2, 6],
        attributes: { kernel_shape: [3], ceil_mode: 1, strides: [2], count_include_pad: 1 },
      },
      { pads: [0, 1], count_include_pad: 0 },
    ],
    [
      'AveragePool, sizes rounded up where nothing hangs over',
      {
        op: 'AveragePool',
        x: [1, 2, 5],
        attributes: { kernel_shape: [3], pads: [1, 1], ceil_mode: 1, strides: [2], count_include_pad: 1 },
      },
      { pads: [1, 1], count_include_pad: 1 },
    ],
    [
      'ConvTranspose, SAME_UPPER',
      {
        op: 'ConvTranspose',
        x: [1, 2, 4, 3],
        w: [2, 3, 3, 5],
        attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
      },
      { pads: [0, 1, 1, 2] },
    ],
    [
      'ConvTranspose, SAME_LOWER',
      {
        op: 'ConvTranspose',
        x: [1, 2, 4, 3],
        w: [2, 3, 3, 5],
        attributes: { auto_pad: 'SAME_LOWER', strides: [2, 2] },
      },
      { pads: [1, 2, 0, 1] },
    ],
    [
      'ConvTranspose, the shape of the output',
      { op: 'ConvTranspose', x: [1, 2, 4, 3], w: [2, 3, 3, 4], attributes: { output_shape: [8, 7], strides: [2, 2] } },
      { pads: [1, 1, 0, 0] },
    ],
  ];
  test.each(understood)('%s', async (_, given, attributes) => {
    expect(stated(given)).toMatchObject(attributes);
    const bytes = bytesOf(given);
    const [original, rewritten] = [
      await outputOf(bytes, given),
      await outputOf(toOnnx(readOnnx(bytes, 'm.onnx').graph), given),
    ];
    expect(rewritten).toEqual(original);
  });
});

describe('what the table cannot say stays as it is in the file', () => {
  test.each<readonly [string, Case]>([
    [
      'pads that depend on an unknown size',
      { op: 'Conv', x: [1, 2, 'h', 'w'], w: [3, 2, 3, 3], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } },
    ],
    [
      'an average that counts its padding but not what hangs over',
      {
        op: 'AveragePool',
        x: [1, 2, 6],
        attributes: { kernel_shape: [3], pads: [1, 1], ceil_mode: 1, strides: [2], count_include_pad: 1 },
      },
    ],
    [
      'an output larger than the windows reach',
      { op: 'ConvTranspose', x: [1, 2, 4], w: [2, 3, 3], attributes: { output_shape: [12], strides: [2] } },
    ],
    [
      'dilated windows that hang over by more than the kernel',
      { op: 'MaxPool', x: [1, 1, 8], attributes: { kernel_shape: [2], dilations: [4], strides: [6], ceil_mode: 1 } },
    ],
    ['column-major indices', { op: 'MaxPool', x: [1, 1, 4, 4], attributes: { ...three, storage_order: 1 } }],
    ['an unknown padding', { op: 'Conv', x: [1, 2, 5], w: [3, 2, 3], attributes: { auto_pad: 'SOME' } }],
  ])('%s', (_, given) => {
    expect(stated(given)).toBeUndefined();
  });
});
