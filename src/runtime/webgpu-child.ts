import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { vulkanDriversIn } from './gpu-drivers.ts';
import { webGpuOptions, webGpuProbeModel } from './webgpu.ts';

/** What a child process found: whether WebGPU computes there, and with which Vulkan libraries. */
export interface WebGpuFinding {
  readonly works: boolean;
  readonly drivers: readonly string[];
}

/** Program of the child: reads the probe from its arguments, adds 1 + 1 on the GPU, prints the memory map. */
const program = `
const [path, model, options] = process.argv.slice(1);
const ort = require(path);
(async () => {
  const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), JSON.parse(options));
  const { y } = await session.run({ x: new ort.Tensor('float32', new Float32Array(4).fill(1), [4]) });
  const maps = process.platform === 'linux' ? require('node:fs').readFileSync('/proc/self/maps', 'utf8') : '';
  await session.release();
  process.stdout.write(JSON.stringify({ sum: y.data[0], maps }));
})().catch(() => process.exit(1));
`;

/**
 * Tries WebGPU in a child process, because a broken graphics driver can take the whole process down.
 * A crash, an error, a wrong sum or no answer within 30 seconds all mean that it does not work.
 */
export async function tryWebGpuInChild(): Promise<WebGpuFinding> {
  const path = createRequire(import.meta.url).resolve('onnxruntime-node');
  const model = Buffer.from(webGpuProbeModel()).toString('base64');
  try {
    const args = ['-e', program, '--', path, model, JSON.stringify(webGpuOptions(false))];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000, maxBuffer: 1 << 26 });
    const answer = JSON.parse(stdout) as { readonly sum: number; readonly maps: string };
    return { works: answer.sum === 2, drivers: vulkanDriversIn(answer.maps) };
  } catch {
    return { works: false, drivers: [] };
  }
}
