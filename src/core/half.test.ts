import { expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { tinyModel } from '../runtime/tiny-models.ts';
import { halfToNumber, toHalf } from './half.ts';
import { randomStream } from './random.ts';
import { float32 } from './tensor.ts';

/** ONNX Runtime's own conversion. */
async function byOnnxRuntime(values: Float32Array): Promise<Uint16Array> {
  const shape = [values.length];
  const bytes = tinyModel(
    [{ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: 10 } }],
    [{ name: 'x', dtype: 'float32', shape }],
    [{ name: 'y', dtype: 'float16', shape }],
  );
  await using session = await (await cpuRuntime()).createSession(bytes, 'training');
  const { y } = await session.run({ x: float32(shape, values) });
  return y?.dtype === 'float16' ? y.data : new Uint16Array();
}

test('numbers of every size become the halves that ONNX Runtime makes of them', async () => {
  const random = randomStream('halves');
  const drawn = Float32Array.from({ length: 20_000 }, () => random.normal() * 2 ** (random.uniform() * 46 - 28));
  // Halfway between neighbours, where ties go to even; the ends of the ranges.
  const edges = [0, -0, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 - 2 ** -11, 65504, 65519.99, 65520, -7e4, 3e38, Infinity];
  const small = [2 ** -14, 2 ** -14 - 2 ** -25, 2 ** -24, 2 ** -25, 3 * 2 ** -25, 1.0001 * 2 ** -25, 2 ** -26];
  const values = Float32Array.from([...drawn, ...edges, ...small, ...small.map((value) => -value)]);
  expect(toHalf(values)).toEqual(await byOnnxRuntime(values));
});

test('every half survives the way to a number and back', () => {
  const bits = Uint16Array.from({ length: 1 << 16 }, (_, index) => index);
  const numbers = Float32Array.from(bits, halfToNumber);
  const back = toHalf(numbers);
  const wrong = bits.filter((value, index) => value !== back[index] && !Number.isNaN(numbers[index]));
  expect([...wrong]).toEqual([]);
  expect(halfToNumber(toHalf(Float32Array.of(Number.NaN))[0] ?? 0)).toBeNaN();
});
