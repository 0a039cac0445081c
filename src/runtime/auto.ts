import { hasCudaLibraries, openCuda } from './cuda.ts';
import type { NodeOrt } from './engine.ts';
import { messageOf } from './failures.ts';
import { drivesHardware, kernelGpuDrivers } from './gpu-drivers.ts';
import type { Device } from './runtime.ts';
import { tryWebGpuInChild } from './webgpu-child.ts';

/**
 * The device for `auto`: CUDA where its libraries are installed and a GPU answers; else WebGPU where it certainly runs on
 * hardware; else the CPU. A software rasteriser is never taken.
 */
export async function chooseDevice(ort: NodeOrt, log: (line: string) => void): Promise<Device> {
  if (await hasCudaLibraries()) {
    try {
      await openCuda(ort, true);
      log('device auto: cuda');
      return 'cuda';
    } catch (problem) {
      log(`device auto: not cuda: ${messageOf(problem)}`);
    }
  }
  const webgpu = await webGpuOnHardware();
  log(webgpu ? 'device auto: webgpu' : 'device auto: cpu (no CUDA libraries, no GPU that WebGPU certainly uses)');
  return webgpu ? 'webgpu' : 'cpu';
}

/**
 * Linux: a GPU driver in the kernel and its Vulkan library loaded by a WebGPU that computes. Apple silicon: always has a
 * GPU. Elsewhere nothing tells a GPU from a software rasteriser.
 */
async function webGpuOnHardware(): Promise<boolean> {
  if (process.platform === 'linux') {
    const kernel = await kernelGpuDrivers();
    if (kernel.length === 0) return false;
    const found = await tryWebGpuInChild();
    return found.works && drivesHardware(kernel, found.drivers);
  }
  return process.platform === 'darwin' && process.arch === 'arm64' && (await tryWebGpuInChild()).works;
}
