import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/**
 * On a Linux machine without a GPU, Debian's Chromium brings a Vulkan in software that lets the WebGPU tests run. Where
 * the library is must be known when the test's process starts.
 */
const chromium = '/usr/lib/chromium';
const icd = `${chromium}/vk_swiftshader_icd.json`;
const softwareGpu: Record<string, string> =
  existsSync(icd) && !existsSync('/dev/dri') ? { VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH: chromium } : {};

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    typecheck: { include: ['src/**/*.test-d.ts', 'test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
    env: softwareGpu,
    pool: 'forks',
    reporters: ['default', './test/support/count-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
