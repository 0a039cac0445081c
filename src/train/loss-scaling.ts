import type { StaticShape } from '../core/shape.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { abs, add, cast, concat, div, equal, less, mul, reduceSum, reshape, where } from '../graph/functions.ts';

/**
 * Loss scaling for mixed precision (Micikevicius et al. 2018, section 3.2): gradients of s·loss are s times as large, so that small
 * ones are not rounded to zero in 16-bit floats (below 2⁻²⁵); in float32 they are divided by s again. The scale is found on the way: a step
 * whose gradients are not all finite changes nothing but halves s, and 2000 good steps in a row double it. The rule and its numbers
 * are those of PyTorch's `GradScaler`.
 *
 * The scale is part of the training state, so it lives on the device, is in every checkpoint, and a resumed run has it.
 */
const FIRST_SCALE = 2 ** 16;
const GOOD_STEPS = 2000;

/** What is kept from step to step: s, the good steps since it last changed, and how many steps were skipped in all. */
export const lossScalingParts = [
  { name: 'loss_scale', shape: [1] },
  { name: 'loss_scale_steps', shape: [1] },
  { name: 'skipped_steps', shape: [1] },
] as const satisfies readonly { readonly name: string; readonly shape: StaticShape }[];

type Part = (typeof lossScalingParts)[number]['name'];

/** s before the first step; the counts start at zero. */
export const firstLossScale: readonly [Part, HostTensor] = ['loss_scale', float32([1], [FIRST_SCALE])];

/** s·loss; declares s as an input `[1]` of the graph. */
export function scaledLoss(b: Builder, loss: Value): Value {
  const scale = b.input('loss_scale' satisfies Part, 'float32', [1]);
  return reshape(b, mul(b, reshape(b, loss, [1]), scale), []);
}

/** Gradient vectors of the loss itself, and whether all their entries are finite (bool `[1]`). */
export interface Unscaled {
  readonly gradients: readonly Value[];
  readonly finite: Value;
}

/** Gradient vectors from those of the scaled loss. */
export function unscaled(b: Builder, scaled: readonly Value[]): Unscaled {
  // A sum of sizes: what is infinite or no number stays so in a sum on every device, and comparing it is false.
  const sizes = scaled.map((gradient) => reduceSum(b, abs(b, gradient), [0], { keepdims: true }));
  const total = sizes.reduce((sum, size) => add(b, sum, size));
  const scale = b.value('loss_scale' satisfies Part);
  return { gradients: scaled.map((gradient) => div(b, gradient, scale)), finite: less(b, total, 1e38) };
}

/** The parts after a step, side by side, and the number of steps skipped so far `[1]`. */
export function nextLossScaling(b: Builder, finite: Value): { readonly parts: Value; readonly skipped: Value } {
  const part = (name: Part): Value => b.value(name);
  const good = add(b, part('loss_scale_steps'), 1);
  const due = equal(b, good, GOOD_STEPS);
  const kept = where(b, due, mul(b, part('loss_scale'), 2), part('loss_scale'));
  const scale = where(b, finite, kept, mul(b, part('loss_scale'), 0.5));
  const steps = mul(b, where(b, due, 0, good), cast(b, finite, 'float32'));
  const skipped = where(b, finite, part('skipped_steps'), add(b, part('skipped_steps'), 1));
  return { parts: concat(b, [scale, steps, skipped], 0), skipped };
}

/** How many steps were skipped, by the training state; 0 in float32. */
export function skippedIn(tensors: ReadonlyMap<string, HostTensor> | undefined): number {
  return Number(tensors?.get('skipped_steps' satisfies Part)?.data[0] ?? 0);
}
