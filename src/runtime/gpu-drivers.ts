import { readFile, readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

/** The Vulkan library that belongs to each Linux kernel driver of a GPU, as a pattern on its file name. */
const hardware: Readonly<Record<string, RegExp>> = {
  amdgpu: /^(?:libvulkan_radeon|amdvlk)/,
  i915: /^libvulkan_intel/,
  xe: /^libvulkan_intel/,
  nvidia: /^lib(?:GLX|EGL)_nvidia/,
  nouveau: /^libvulkan_nouveau/,
  asahi: /^libvulkan_asahi/,
  msm: /^libvulkan_freedreno/,
};

/** Vulkan libraries that compute on the CPU. */
const software = /^lib(?:vk_swiftshader|vulkan_lvp)/;

const anyDriver = /^(?:lib(?:vk_swiftshader|vulkan_\w+|GLX_nvidia|EGL_nvidia)|amdvlk)/;

/** Vulkan driver libraries in this process's memory (Linux; empty elsewhere). A device must have been opened before. */
export async function loadedVulkanDrivers(): Promise<readonly string[]> {
  return process.platform === 'linux' ? vulkanDriversIn(await readFile('/proc/self/maps', 'utf8')) : [];
}

/** The Vulkan driver libraries named in a listing such as /proc/self/maps. */
export function vulkanDriversIn(maps: string): readonly string[] {
  const files = maps.split('\n').map((line) => basename(line.trim().split(/\s+/).at(-1) ?? ''));
  return [...new Set(files.filter((file) => anyDriver.test(file)))];
}

/** Whether all of the drivers are software rasterisers. */
export function isSoftware(drivers: readonly string[]): boolean {
  return drivers.length > 0 && drivers.every((driver) => software.test(driver));
}

/** Whether one of the Vulkan libraries belongs to one of the kernel's GPU drivers. */
export function drivesHardware(kernelDrivers: readonly string[], vulkanDrivers: readonly string[]): boolean {
  return kernelDrivers.some((kernel) => vulkanDrivers.some((vulkan) => hardware[kernel]?.test(vulkan) === true));
}

/** Names of the Linux kernel's GPU drivers in use (`amdgpu`, `nvidia`); empty where there is no GPU or not Linux. */
export async function kernelGpuDrivers(): Promise<readonly string[]> {
  const nodes = await readdir('/sys/class/drm').catch(() => []);
  const drivers = await Promise.all(
    nodes
      .filter((node) => node.startsWith('renderD'))
      .map((node) => readlink(`/sys/class/drm/${node}/device/driver`).catch(() => '')),
  );
  // The NVIDIA driver in a container has no entry there.
  const nvidia = await readFile('/proc/driver/nvidia/version', 'utf8').then(
    () => ['nvidia'],
    () => [],
  );
  return [...new Set([...drivers.map((driver) => basename(driver)), ...nvidia])].filter((driver) => driver in hardware);
}
