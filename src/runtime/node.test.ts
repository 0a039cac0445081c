import { describe, expect, test } from 'vitest';
import { hasCudaLibraries } from './cuda.ts';
import { openRuntime, type DeviceChoice } from './index.ts';
import { tryWebGpuInChild } from './webgpu-child.ts';
import { kernelGpuDrivers } from './gpu-drivers.ts';

const hasGpu = (await kernelGpuDrivers()).length > 0;
const linux = process.platform === 'linux';

test.each([0, -1, 1.5, Number.NaN])('%d threads are refused', async (threads) => {
  await expect(openRuntime({ device: 'cpu', threads })).rejects.toThrow(
    `threads: bad number of threads; expected an integer from 1 to 1024, received ${threads}`,
  );
});

test('an unknown device is refused with the choices', async () => {
  await expect(openRuntime({ device: 'tpu' as DeviceChoice })).rejects.toThrow(
    'unknown device; received tpu; choose from auto, cpu, webgpu, cuda',
  );
});

test.skipIf(await hasCudaLibraries())('CUDA without its libraries says how to get them', async () => {
  await expect(openRuntime({ device: 'cuda' })).rejects.toThrow(
    linux && process.arch === 'x64'
      ? /device cuda: .*not installed.*ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node.*or use --device cpu/
      : /device cuda: .*no CUDA libraries for/,
  );
});

describe.runIf(linux)('WebGPU without an adapter', () => {
  test('is an error that names what is missing, and the CPU still works', async () => {
    process.env['VK_ICD_FILENAMES'] = '/nonexistent.json';
    await expect(openRuntime({ device: 'webgpu' })).rejects.toThrow(
      /device webgpu: this device cannot be used: .*Failed to get a WebGPU adapter.*needs a GPU with a Vulkan driver.*or use --device cpu/,
    );
    expect((await openRuntime({ device: 'cpu' })).device).toBe('cpu');
  });

  test('is found out in a child process', async () => {
    process.env['VK_ICD_FILENAMES'] = '/nonexistent.json';
    expect(await tryWebGpuInChild()).toEqual({ works: false, drivers: [] });
  });
});

test.skipIf(hasGpu || (await hasCudaLibraries()) || !linux)('auto is the CPU where there is no GPU', async () => {
  const lines: string[] = [];
  const runtime = await openRuntime({ device: 'auto', log: (line) => lines.push(line) });
  expect(runtime.device).toBe('cpu');
  expect(lines).toEqual(['device auto: cpu (no CUDA libraries, no GPU that WebGPU certainly uses)']);
});
