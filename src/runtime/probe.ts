import type { InferenceSession } from 'onnxruntime-common';
import type { Ort } from './engine.ts';
import { tinyModel } from './tiny-models.ts';

/** Block sizes whose layout the blocked lowering knows. */
const known = [8, 16];

/**
 * Block size b of ONNX Runtime's blocked CPU layout NCHWc, or 0 where it cannot be used.
 *
 * The layout is an internal domain of ONNX Runtime (`com.microsoft.nchwc`) and b depends on the processor: 16 with AVX-512,
 * 8 with narrower vectors, none on some builds. The operator that converts to it tells: [1, 16, 1, 2] holding 0 … 31
 * comes back as [1, 16/b, 1, 2, b], so value 1 (channel 0, second pixel) is at index b.
 *
 * @param options the session options of the sessions to come: some settings of a process's first session hold for all of them
 */
export async function probeBlockSize(ort: Ort, options: InferenceSession.SessionOptions = {}): Promise<number> {
  const shape = [1, 16, 1, 2];
  const bytes = tinyModel(
    [{ op: 'ReorderInput', domain: 'com.microsoft.nchwc', inputs: ['x'], outputs: ['y'] }],
    [{ name: 'x', dtype: 'float32', shape }],
    [{ name: 'y', dtype: 'float32', shape }],
  );
  try {
    const session = await ort.InferenceSession.create(bytes, { ...options, intraOpNumThreads: 1, logSeverityLevel: 4 });
    try {
      const x = new ort.Tensor(
        'float32',
        Float32Array.from({ length: 32 }, (_, index) => index),
        shape,
      );
      const y = (await session.run({ x }))['y']?.data;
      return y instanceof Float32Array ? blockSizeIn(y) : 0;
    } finally {
      await session.release();
    }
  } catch {
    // A build without the domain rejects the model: that is an answer, not a failure.
    return 0;
  }
}

/** The block size if the values are laid out exactly as expected, else 0. */
export function blockSizeIn(values: Float32Array): number {
  const size = values.indexOf(1);
  if (!known.includes(size)) return 0;
  // Memory order: block, pixel, channel within the block.
  const matches = values.every((value, index) => {
    const channel = Math.floor(index / (2 * size)) * size + (index % size);
    const pixel = Math.floor(index / size) % 2;
    return value === 2 * channel + pixel;
  });
  return matches ? size : 0;
}
