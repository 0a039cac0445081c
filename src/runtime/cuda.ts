import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { internalError } from '../core/errors.ts';
import { deviceMissing } from './device-error.ts';
import { versionOf, type Engine, type NodeOrt } from './engine.ts';
import { messageOf } from './failures.ts';
import { hasHalfPrecision } from './half-precision.ts';
import type { Runtime, SessionPurpose } from './runtime.ts';
import { runtimeOf } from './runtime-of.ts';
import type { InferenceSession } from 'onnxruntime-common';
import { tinyModel, type TinyValue } from './tiny-models.ts';

const library = 'libonnxruntime_providers_cuda.so';

/** Whether the CUDA libraries of onnxruntime-node were downloaded. */
export async function hasCudaLibraries(): Promise<boolean> {
  const module = createRequire(import.meta.url).resolve('onnxruntime-node');
  const file = join(dirname(module), '..', 'bin', 'napi-v6', process.platform, process.arch, library);
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Opens an NVIDIA GPU through ONNX Runtime's CUDA provider.
 *
 * onnxruntime-node cannot keep tensors in CUDA memory between runs, so a stateful session's state crosses to the GPU and
 * back at every step.
 */
export async function openCuda(ort: NodeOrt, cpuFallback: boolean): Promise<Runtime> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw deviceMissing('cuda', `onnxruntime-node has no CUDA libraries for ${process.platform} ${process.arch}`, {
      hint: 'use Linux on x64',
    });
  }
  if (!(await hasCudaLibraries())) {
    throw deviceMissing('cuda', `${library} is not installed`, {
      hint: 'download it with "ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node"',
    });
  }
  await checkGpu(ort);
  const engine: Engine = {
    ort,
    name: 'cuda',
    sessionOptions: (purpose) => cudaOptions(purpose, cpuFallback),
    halfPrecision: () => hasHalfPrecision(ort, cudaOptions('inference', false)),
    state: 'swapped',
    download: () => Promise.reject(internalError('the state of a CUDA session is always in host memory')),
  };
  return runtimeOf(engine, 'cuda', 0, `CUDA, ${versionOf(ort)}`);
}

function cudaOptions(purpose: SessionPurpose, cpuFallback: boolean): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cuda'],
    graphOptimizationLevel: purpose === 'training' ? 'extended' : 'all',
    logSeverityLevel: 4,
    ...(cpuFallback ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  };
}

async function checkGpu(ort: NodeOrt): Promise<void> {
  const value = (name: string): TinyValue => ({
    name,
    dtype: 'float32',
    shape: [4],
  });
  const bytes = tinyModel([{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }], [value('x')], [value('y')]);
  try {
    const session = await ort.InferenceSession.create(bytes, cudaOptions('inference', false));
    try {
      await session.run({ x: new ort.Tensor('float32', new Float32Array(4), [4]) });
    } finally {
      await session.release();
    }
  } catch (failure) {
    throw deviceMissing('cuda', messageOf(failure), {
      hint: 'check that nvidia-smi lists a GPU and that the libraries of CUDA 12 and cuDNN 9 are on LD_LIBRARY_PATH',
      cause: failure,
    });
  }
}
