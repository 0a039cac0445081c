import type { InferenceSession } from 'onnxruntime-common';
import type { Ort } from './engine.ts';
import { tinyModel, type TinyValue } from './tiny-models.ts';

/** ONNX's number of the element type float16, and of float32. */
const [FLOAT16, FLOAT32] = [10, 1];

/**
 * Whether a device multiplies matrices of 16-bit floats, found by doing it: [[1, 2], [3, 4]]² = [[7, 10], [15, 22]], exact in 11 bits.
 * WebGPU needs an adapter with the feature `shader-f16`; without it ONNX Runtime loads the model and fails to run it.
 *
 * @param options must not let operators fall back to the CPU.
 */
export async function hasHalfPrecision(ort: Ort, options: InferenceSession.SessionOptions): Promise<boolean> {
  const matrix = (name: string): TinyValue => ({ name, dtype: 'float32', shape: [2, 2] });
  const bytes = tinyModel(
    [
      { op: 'Cast', inputs: ['x'], outputs: ['half'], attributes: { to: FLOAT16 } },
      { op: 'MatMul', inputs: ['half', 'half'], outputs: ['product'] },
      { op: 'Cast', inputs: ['product'], outputs: ['y'], attributes: { to: FLOAT32 } },
    ],
    [matrix('x')],
    [matrix('y')],
  );
  try {
    const session = await ort.InferenceSession.create(bytes, options);
    try {
      const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]) });
      return y?.data instanceof Float32Array && y.data.join() === '7,10,15,22';
    } finally {
      await session.release();
    }
  } catch {
    // A device without 16-bit floats says so by failing: that is an answer.
    return false;
  }
}
