import type { InferenceSession } from 'onnxruntime-common';
import { internalError } from '../core/errors.ts';
import { versionOf, type Engine, type NodeOrt, type Ort } from './engine.ts';
import { probeBlockSize } from './probe.ts';
import type { MemoryUse, Runtime, SessionPurpose } from './runtime.ts';
import { runtimeOf } from './runtime-of.ts';

export async function openCpu(ort: NodeOrt, threads: number): Promise<Runtime> {
  const blockSize = await cpuBlockSize(ort);
  const engine: Engine = {
    ort,
    name: 'cpu',
    sessionOptions: (purpose, memory) => cpuSessionOptions(purpose, threads, memory),
    halfPrecision: () => Promise.resolve(false),
    state: 'swapped',
    download: () => Promise.reject(internalError('the state of a CPU session is always in host memory')),
  };
  const layout = blockSize === 0 ? 'no blocked layout' : `NCHW${blockSize}c layout`;
  const workers = threads === 1 ? '1 thread' : `${threads} threads`;
  return runtimeOf(engine, 'cpu', blockSize, `CPU, ${versionOf(ort)}, ${workers}, ${layout}`);
}

let knownBlockSize: Promise<number> | undefined;

/**
 * The block size of this processor, probed once in a process.
 *
 * The probe is usually the process's first session, and that one decides for all later ones whether numbers too small
 * for a normalised float (below 1.2e-38) are flushed to zero: so it gets the options of the others.
 */
function cpuBlockSize(ort: Ort): Promise<number> {
  return (knownBlockSize ??= probeBlockSize(ort, cpuSessionOptions('inference', 1)));
}

/**
 * Session options for the CPU. Measured on ResNet-20 and -56 training steps: without memory patterns the peak memory is
 * 40 % lower at the same speed; parallel execution and no arena are slower; `all` is 1.7 times faster than `extended`
 * for inference and equal for training. Short spinning leaves the cores to the data pipeline between steps.
 *
 * The arena never gives memory back and fits values of other sizes badly into what it holds: a ResNet-50 step of 32 images that computes
 * activations again peaks at 3.92 GB with it and at 2.51 GB without. So a program that asks for little memory runs without.
 */
export function cpuSessionOptions(
  purpose: SessionPurpose,
  threads: number,
  memory: MemoryUse = 'fast',
): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: purpose === 'training' ? 'extended' : 'all',
    enableMemPattern: purpose === 'inference',
    enableCpuMemArena: memory === 'fast',
    // Failures are thrown with their text; on stderr they would break the progress bar.
    logSeverityLevel: 4,
    extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: '1', spin_duration_us: '100' } } },
  };
}
