import type { LoweringTarget } from '../../src/lowering/lower.ts';
import { cpuRuntime } from './onnx-runtime.ts';

export interface NamedTarget {
  readonly name: string;
  /** `undefined` where this machine cannot run it: its tests are skipped, visibly. */
  readonly target: LoweringTarget | undefined;
}

/** The lowerings to test on this machine's CPU. */
export async function loweringTargets(): Promise<readonly NamedTarget[]> {
  const { blockSize } = await cpuRuntime();
  const blocked: LoweringTarget | undefined =
    blockSize === 8 || blockSize === 16 ? { kind: 'blocked', block: blockSize } : undefined;
  return [
    { name: 'portable', target: { kind: 'portable' } },
    { name: blocked === undefined ? 'blocked (no blocked layout here)' : `blocked by ${blockSize}`, target: blocked },
  ];
}
