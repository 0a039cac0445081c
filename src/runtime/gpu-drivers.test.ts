import { expect, test } from 'vitest';
import { drivesHardware, isSoftware, vulkanDriversIn } from './gpu-drivers.ts';

const maps = `
7f00-7f01 r--p 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/libvulkan.so.1.3.239
7f02-7f03 r--p 00000000 08:01 2 /usr/lib/x86_64-linux-gnu/libvulkan_radeon.so
7f04-7f05 r-xp 00000000 08:01 2 /usr/lib/x86_64-linux-gnu/libvulkan_radeon.so
7f06-7f07 r--p 00000000 08:01 3 /usr/lib/x86_64-linux-gnu/libvulkan_lvp.so
7f08-7f09 rw-p 00000000 00:00 0
7ffe-7fff r-xp 00000000 00:00 0 [vdso]
`;

test('drivers are found once each in a memory map; the Vulkan loader is none', () => {
  expect(vulkanDriversIn(maps)).toEqual(['libvulkan_radeon.so', 'libvulkan_lvp.so']);
});

test('software is told from hardware', () => {
  expect(isSoftware(['libvulkan_lvp.so', 'libvk_swiftshader.so'])).toBe(true);
  expect(isSoftware(['libvulkan_radeon.so', 'libvulkan_lvp.so'])).toBe(false);
  expect(isSoftware([])).toBe(false);
});

test('hardware needs both the kernel driver and its own Vulkan library', () => {
  expect(drivesHardware(['amdgpu'], ['libvulkan_radeon.so', 'libvulkan_lvp.so'])).toBe(true);
  expect(drivesHardware(['nvidia'], ['libGLX_nvidia.so.0'])).toBe(true);
  expect(drivesHardware(['amdgpu'], ['libvulkan_lvp.so'])).toBe(false);
  expect(drivesHardware(['i915'], ['libvulkan_radeon.so'])).toBe(false);
  expect(drivesHardware([], ['libvulkan_radeon.so'])).toBe(false);
  expect(drivesHardware(['amdgpu'], [])).toBe(false);
});
