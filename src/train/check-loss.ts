import { inputError } from '../core/errors.ts';
import type { Precision } from '../lowering/lower.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Where a loss comes from. */
interface LossOrigin {
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  readonly runtime: Pick<Runtime, 'device'>;
  readonly precision?: Precision;
}

/** @throws an input error for a loss that is no number, or exactly zero on a device that may compute wrongly. */
export function checkLoss(loss: number, { step, epoch, runtime, precision = 'float32' }: LossOrigin): void {
  if (!Number.isFinite(loss)) {
    throw inputError(`the loss became ${loss} at step ${step} (epoch ${epoch})`, {
      hint: `training diverged${precision === 'mixed' ? ' or does not fit 16-bit floats (then leave out --precision mixed)' : ''}: lower the learning rate, add warm-up or clip gradients (--lr, --warmup, --clip); earlier checkpoints are whole`,
    });
  }
  // A broken GPU kernel was seen to give exactly zero while the weights turned to garbage.
  if (loss === 0 && runtime.device !== 'cpu') {
    throw inputError(`the loss became exactly 0 at step ${step} on ${runtime.device}`, {
      hint: 'this device computes wrongly; train with --device cpu',
    });
  }
}
