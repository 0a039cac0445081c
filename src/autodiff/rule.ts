import type { HostTensor } from '../core/tensor.ts';
import type { Builder, Value } from '../graph/builder.ts';
import type { AttributesOf, Op } from '../graph/ops.ts';

/** What a gradient rule sees of its node: values, the gradients of its outputs, and which gradients anybody wants. */
export interface GradientContext<K extends Op = Op> {
  readonly b: Builder;
  /** Name of the node that is differentiated, for errors. */
  readonly where: string;
  readonly attributes: AttributesOf<K>;
  /** Number of inputs. */
  readonly count: number;
  readonly input: (index: number) => Value;
  /** Input `index`, or `undefined` where the node leaves it out. */
  readonly optional: (index: number) => Value | undefined;
  readonly output: (index: number) => Value;
  /** The value of input `index` if the graph holds it as a constant with no gradient wanted: a rule may then be simpler. */
  readonly constant: (index: number) => HostTensor | undefined;
  /** Gradient of output `index` (default 0); an internal error where none arrived. */
  readonly grad: (index?: number) => Value;
  /** Whether the gradient of output 0 is the number 1, because it is what is differentiated. */
  readonly isLoss: boolean;
  readonly hasGrad: (index: number) => boolean;
  /** Whether the gradient of input `index` is wanted: where it is not, a rule must not emit nodes for it. */
  readonly needs: (index: number) => boolean;
}

/**
 * The vector-Jacobian product of an operator: one gradient per input, `undefined` where it is not wanted.
 * A rule may return a gradient of the broadcast shape; the sweep sums it back to the input's shape.
 */
export type GradientRule<K extends Op> = (context: GradientContext<K>) => readonly (Value | undefined)[];

/**
 * An operator without a gradient says why. Reaching it with a wanted gradient is an error, never a silent zero.
 *
 * An operator whose derivative is zero almost everywhere (a step function) `stops` the sweep as a cast to an integer does: it
 * contributes nothing and costs no node, other paths to the same value count, and a value with no other path is the error that
 * the loss does not depend on it.
 */
export interface NoGradient {
  readonly noGradient: string;
  readonly stops?: true;
}

export type GradientRules<K extends Op = Op> = { readonly [O in K]: GradientRule<O> | NoGradient };

/** `compute()` if the gradient of input `index` is wanted. */
export function when<K extends Op>(
  context: GradientContext<K>,
  index: number,
  compute: () => Value,
): Value | undefined {
  return context.needs(index) ? compute() : undefined;
}
