import { usageError } from '../core/errors.ts';

/**
 * How the learning rate moves, as data. `warmupEpochs` (may be a fraction) rises linearly from one step's share to the full
 * rate and precedes every kind; the kinds count epochs from the start of training, warm-up included.
 *
 * - `constant`: η₀.
 * - `step`: η₀·factor^k, k the number of milestones (epochs, counted from 0) that have been reached; changes between epochs.
 * - `cosine`: η₀·½·(1 + cos(π·t/T)) at step t of the T steps after the warm-up, so that it ends next to 0 (Loshchilov & Hutter 2017).
 */
export type ScheduleSpec = { readonly warmupEpochs: number } & (
  | { readonly kind: 'constant' }
  | { readonly kind: 'step'; readonly milestones: readonly number[]; readonly factor: number }
  | { readonly kind: 'cosine' }
);

/** All kinds of schedules. */
export const scheduleKinds = ['constant', 'step', 'cosine'] as const satisfies readonly ScheduleSpec['kind'][];

const checkedWarmup = (warmupEpochs: number): number => {
  if (!(warmupEpochs >= 0 && Number.isFinite(warmupEpochs)))
    throw usageError('warm-up must be a number of epochs', { received: String(warmupEpochs) });
  return warmupEpochs;
};

interface WarmupOption {
  readonly warmupEpochs?: number;
}

/** The same learning rate after the warm-up. */
export function constantSchedule({ warmupEpochs = 0 }: WarmupOption = {}): ScheduleSpec {
  return Object.freeze({ kind: 'constant', warmupEpochs: checkedWarmup(warmupEpochs) });
}

/** @throws a usage error for milestones that do not increase or a factor outside (0, 1]. */
export function stepSchedule(
  milestones: readonly number[],
  options: WarmupOption & { readonly factor?: number } = {},
): ScheduleSpec {
  const { factor = 0.1, warmupEpochs = 0 } = options;
  const increasing = milestones.every(
    (milestone, index) => milestone >= 0 && (index === 0 || milestone > (milestones[index - 1] ?? 0)),
  );
  if (!increasing) throw usageError('milestones must increase', { received: milestones.join(', ') });
  if (!(factor > 0 && factor <= 1))
    throw usageError('factor out of range', { expected: '0 < factor ≤ 1', received: String(factor) });
  return Object.freeze({
    kind: 'step',
    milestones: Object.freeze([...milestones]),
    factor,
    warmupEpochs: checkedWarmup(warmupEpochs),
  });
}

/** Half a cosine from the full learning rate to next to 0. */
export function cosineSchedule({ warmupEpochs = 0 }: WarmupOption = {}): ScheduleSpec {
  return Object.freeze({ kind: 'cosine', warmupEpochs: checkedWarmup(warmupEpochs) });
}

/** How long a training is. */
export interface TrainingLength {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/** The learning rate of step `step` (counted from 0): a pure function, so a resumed run continues the same curve. */
export function learningRateAt(
  spec: ScheduleSpec,
  base: number,
  step: number,
  { epochs, stepsPerEpoch }: TrainingLength,
): number {
  const warmupSteps = Math.round(spec.warmupEpochs * stepsPerEpoch);
  if (step < warmupSteps) return (base * (step + 1)) / warmupSteps;
  switch (spec.kind) {
    case 'constant':
      return base;
    case 'step': {
      const epoch = Math.floor(step / stepsPerEpoch);
      return base * spec.factor ** spec.milestones.filter((milestone) => epoch >= milestone).length;
    }
    case 'cosine': {
      const total = Math.max(1, epochs * stepsPerEpoch - warmupSteps);
      return base * 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / total));
    }
    default:
      return spec satisfies never;
  }
}
