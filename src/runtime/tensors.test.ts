import { expect, test } from 'vitest';
import { int32, tensor, tensorFromBytes, type DType } from '../core/tensor.ts';
import { openRuntime, type Session } from './index.ts';
import { tinyModel } from './tiny-models.ts';

async function identity(dtype: DType): Promise<Session> {
  const value = (name: string): { name: string; dtype: DType; shape: (number | string)[] } => ({
    name,
    dtype,
    shape: ['n', 2],
  });
  const bytes = tinyModel([{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], [value('x')], [value('y')]);
  return (await openRuntime({ device: 'cpu' })).createSession(bytes, 'inference');
}

const exchangeable: readonly (readonly [DType, number])[] = [
  ['float32', 4],
  ['float64', 8],
  ['float16', 2],
  ['int8', 1],
  ['uint8', 1],
  ['int16', 2],
  ['uint16', 2],
  ['int32', 4],
  ['uint32', 4],
  ['int64', 8],
  ['uint64', 8],
];

test.each(exchangeable)('%s goes through ONNX Runtime bit for bit', async (dtype, size) => {
  await using session = await identity(dtype);
  const x = tensorFromBytes(
    dtype,
    [3, 2],
    Uint8Array.from({ length: 6 * size }, (_, index) => (index * 37 + 5) % 120),
  );
  expect(await session.run({ x })).toEqual({ y: x });
});

test('bool goes through as 0 and 1', async () => {
  await using session = await identity('bool');
  const x = tensor('bool', [2, 2], Uint8Array.of(0, 1, 1, 0));
  expect(await session.run({ x })).toEqual({ y: x });
});

test('a batch of no rows goes through', async () => {
  await using session = await identity('float32');
  const x = tensor('float32', [0, 2], new Float32Array(0));
  expect(await session.run({ x })).toEqual({ y: x });
});

test('a view into a larger buffer and shared memory are read where they are', async () => {
  await using session = await identity('float32');
  const view = Float32Array.of(9, 9, 1, 2, 9).subarray(2, 4);
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([3, 4]);
  expect((await session.run({ x: tensor('float32', [1, 2], view) }))['y']?.data).toEqual(Float32Array.of(1, 2));
  expect((await session.run({ x: tensor('float32', [1, 2], shared) }))['y']?.data).toEqual(Float32Array.of(3, 4));
});

test('an element type that JavaScript cannot exchange with ONNX Runtime is an error when the model is loaded', async () => {
  await expect(identity('bfloat16')).rejects.toThrow(
    /Unsupported data type: 16.*an element type that JavaScript cannot exchange with ONNX Runtime, such as bfloat16/,
  );
});

test('data of the wrong length is an error', async () => {
  await using session = await identity('int32');
  const x = { ...int32([1, 2], [1, 2]), shape: [2, 2] };
  await expect(session.run({ x })).rejects.toThrow(
    'tensor "x": tensor data does not fit its shape; expected 4 elements for [2, 2], received 2',
  );
});
