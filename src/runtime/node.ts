import { availableParallelism } from 'node:os';
import { inputError, usageError } from '../core/errors.ts';
import { chooseDevice } from './auto.ts';
import { openCpu } from './cpu.ts';
import { openCuda } from './cuda.ts';
import type { NodeOrt } from './engine.ts';
import { messageOf } from './failures.ts';
import type { DeviceChoice, Runtime } from './runtime.ts';
import { openWebGpu } from './webgpu.ts';

/** Which device is opened, and how. */
export interface RuntimeOptions {
  /** Default: `cpu`. */
  readonly device?: DeviceChoice;
  /** Threads of one operator on the CPU; default: one for each available core. */
  readonly threads?: number;
  /** Whether operators that a GPU lacks may run on the CPU; default: yes. Otherwise a model that has one does not load. */
  readonly cpuFallback?: boolean;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
}

/**
 * Opens a device of this machine through onnxruntime-node.
 *
 * A run blocks the JavaScript thread while ONNX Runtime computes; timers and signals are served between runs.
 *
 * @throws a usage error for an impossible option, an input error for a device that is not there, naming what is missing
 */
export async function openRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  const threads = checkThreads(options.threads ?? availableParallelism());
  const cpuFallback = options.cpuFallback ?? true;
  const log = options.log ?? ((): void => undefined);
  const ort = await loadOrt();
  const choice = options.device ?? 'cpu';
  const device = choice === 'auto' ? await chooseDevice(ort, log) : choice;
  switch (device) {
    case 'cpu':
      return openCpu(ort, threads);
    case 'webgpu':
      return openWebGpu(ort, cpuFallback, log);
    case 'cuda':
      return openCuda(ort, cpuFallback);
    default:
      device satisfies never;
      throw usageError('unknown device', { received: String(device), legal: ['auto', 'cpu', 'webgpu', 'cuda'] });
  }
}

/** Imported on use: commands that run no model need no native library. */
async function loadOrt(): Promise<NodeOrt> {
  try {
    return await import('onnxruntime-node');
  } catch (failure) {
    throw inputError(`ONNX Runtime's library could not be loaded: ${messageOf(failure)}`, {
      where: 'onnxruntime-node',
      received: `${process.platform} ${process.arch}`,
      legal: ['linux x64 and arm64 (glibc)', 'darwin arm64', 'win32 x64 and arm64'],
      cause: failure,
    });
  }
}

function checkThreads(threads: number): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw usageError('bad number of threads', {
    where: 'threads',
    expected: 'an integer from 1 to 1024',
    received: String(threads),
  });
}
