import type { InferenceSession } from 'onnxruntime-common';
import { deviceMissing } from './device-error.ts';
import { downloadByIdentity } from './download.ts';
import { versionOf, type Engine, type NodeOrt } from './engine.ts';
import { messageOf } from './failures.ts';
import { isSoftware, loadedVulkanDrivers } from './gpu-drivers.ts';
import { hasHalfPrecision } from './half-precision.ts';
import type { Runtime } from './runtime.ts';
import { runtimeOf } from './runtime-of.ts';
import { tinyModel, type TinyValue } from './tiny-models.ts';

/** A model that needs an adapter to load and a working device to run. */
export function webGpuProbeModel(): Uint8Array {
  const value = (name: string): TinyValue => ({
    name,
    dtype: 'float32',
    shape: [4],
  });
  return tinyModel([{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }], [value('x')], [value('y')]);
}

/**
 * Opens WebGPU in Node: Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows.
 *
 * @param cpuFallback whether operators that WebGPU lacks may run on the CPU; otherwise such a model does not load
 */
export async function openWebGpu(ort: NodeOrt, cpuFallback: boolean, log: (line: string) => void): Promise<Runtime> {
  await checkAdapter(ort);
  const drivers = await loadedVulkanDrivers();
  const software = isSoftware(drivers);
  if (software)
    log(`webgpu: only a software rasteriser was found (${drivers.join(', ')}); it is slower than --device cpu`);
  const engine: Engine = {
    ort,
    name: 'webgpu',
    sessionOptions: (purpose) => ({
      ...webGpuOptions(cpuFallback),
      graphOptimizationLevel: purpose === 'training' ? 'extended' : 'all',
    }),
    halfPrecision: () => hasHalfPrecision(ort, webGpuOptions(false)),
    state: 'on-gpu',
    download: (values) => downloadByIdentity(ort, values, webGpuOptions(false)),
  };
  const adapter = drivers.length === 0 ? 'WebGPU' : `WebGPU (${software ? 'software: ' : ''}${drivers.join(', ')})`;
  return runtimeOf(engine, 'webgpu', 0, `${adapter}, ${versionOf(ort)}`);
}

/**
 * `preferredLayout: 'NCHW'`: in the other layout the provider computes grouped convolutions wrongly, without an error,
 * when its vector width does not divide the outputs of a group.
 */
export function webGpuOptions(cpuFallback: boolean): InferenceSession.SessionOptions {
  return {
    executionProviders: [
      { name: 'webgpu', preferredLayout: 'NCHW' } satisfies InferenceSession.WebGpuExecutionProviderOption,
    ],
    logSeverityLevel: 4,
    ...(cpuFallback ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  };
}

async function checkAdapter(ort: NodeOrt): Promise<void> {
  try {
    const session = await ort.InferenceSession.create(webGpuProbeModel(), webGpuOptions(false));
    try {
      await session.run({ x: new ort.Tensor('float32', new Float32Array(4), [4]) });
    } finally {
      await session.release();
    }
  } catch (failure) {
    throw deviceMissing('webgpu', messageOf(failure), {
      hint: adapterHints[process.platform] ?? 'onnxruntime-node has WebGPU on Linux, macOS and Windows',
      cause: failure,
    });
  }
}

const adapterHints: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux:
    'WebGPU on Linux needs a GPU with a Vulkan driver and the library libvulkan.so.1 (Debian, Ubuntu: packages libvulkan1 and mesa-vulkan-drivers, or the NVIDIA driver)',
  darwin: 'WebGPU on macOS needs Metal',
  win32: 'WebGPU on Windows needs a GPU driver with Direct3D 12',
};
