import { usageError } from '../core/errors.ts';
import type { Precision } from '../lowering/lower.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** @throws a usage error for mixed precision on a device without 16-bit floats, or on the CPU. */
export async function checkPrecision(runtime: Runtime, precision: Precision = 'float32'): Promise<void> {
  if (precision === 'float32' || (await runtime.halfPrecision())) return;
  const { device } = runtime;
  if (device === 'cpu') {
    throw usageError('mixed precision needs a GPU with 16-bit floats; the CPU would be slower', {
      where: 'precision',
      received: 'device cpu',
      hint: 'choose --device webgpu or cuda, or leave out --precision mixed',
    });
  }
  throw usageError(`this GPU or its driver has no 16-bit floats for ${device}`, {
    where: 'precision',
    expected:
      device === 'webgpu' ? 'a WebGPU adapter with the feature shader-f16' : 'a GPU that multiplies 16-bit floats',
    received: runtime.description,
    hint: 'train without --precision mixed',
  });
}
