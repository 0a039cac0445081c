import { usageError } from '../core/errors.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { add, div, mul, sqrt, sub } from '../graph/functions.ts';

/**
 * An optimiser as data. Conventions are PyTorch's, and tested against it:
 *
 * - `sgd`: g ← ∇ + λ·w (for parameters that decay); v ← μ·v + g (no dampening; v starts at 0); w ← w − η·v, or with Nesterov
 *   w ← w − η·(g + μ·v). Weight decay comes *before* momentum.
 * - `adam`: g ← ∇ + λ·w; m ← β₁·m + (1−β₁)·g; s ← β₂·s + (1−β₂)·g²; w ← w − η/(1−β₁ᵗ)·m/(√s/√(1−β₂ᵗ) + ε) at step t = 1, 2, …
 *   (Kingma & Ba 2015; ε outside the root).
 * - `adamw`: as adam without λ in g, and w ← w − η·λ·w first (Loshchilov & Hutter 2019).
 *
 * η is the learning rate of the step, λ `weightDecay`. Biases, norms and α never decay.
 */
export type OptimizerSpec =
  | { readonly kind: 'sgd'; readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number }
  | ({ readonly kind: 'adam' | 'adamw' } & AdamOptions);

/** β₁, β₂, ε and λ of {@link OptimizerSpec}. */
export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

function inRange(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value < high))
    throw usageError(`${name} out of range`, { expected: `${low} ≤ ${name} < ${high}`, received: String(value) });
}

/** SGD; defaults: momentum 0.9, no Nesterov, weight decay 1e-4. */
export function sgd(
  options: { readonly momentum?: number; readonly nesterov?: boolean; readonly weightDecay?: number } = {},
): OptimizerSpec {
  const { momentum = 0.9, nesterov = false, weightDecay = 1e-4 } = options;
  inRange('momentum', momentum, 0, 1);
  inRange('weightDecay', weightDecay, 0, Infinity);
  return Object.freeze({ kind: 'sgd', momentum, nesterov, weightDecay });
}

function adamFamily(kind: 'adam' | 'adamw', options: Partial<AdamOptions>, defaultDecay: number): OptimizerSpec {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = defaultDecay } = options;
  inRange('beta1', beta1, 0, 1);
  inRange('beta2', beta2, 0, 1);
  inRange('epsilon', epsilon, 0, Infinity);
  inRange('weightDecay', weightDecay, 0, Infinity);
  return Object.freeze({ kind, beta1, beta2, epsilon, weightDecay });
}

/** Adam; defaults: β 0.9 and 0.999, ε 1e-8, no weight decay. */
export const adam = (options: Partial<AdamOptions> = {}): OptimizerSpec => adamFamily('adam', options, 0);

/** AdamW; defaults: β 0.9 and 0.999, ε 1e-8, weight decay 0.01. */
export const adamw = (options: Partial<AdamOptions> = {}): OptimizerSpec => adamFamily('adamw', options, 0.01);

/** State vectors per parameter vector, each starting at zero. */
export function slotNames(spec: OptimizerSpec): readonly string[] {
  switch (spec.kind) {
    case 'sgd':
      return spec.momentum === 0 ? [] : ['momentum'];
    case 'adam':
    case 'adamw':
      return ['mean', 'square'];
    default:
      return spec satisfies never;
  }
}

/** Numbers that change with the step and are fed to the graph; `step` counts from 1. */
export function stepScalars(spec: OptimizerSpec, step: number, learningRate: number): Readonly<Record<string, number>> {
  switch (spec.kind) {
    case 'sgd':
      return { learning_rate: learningRate };
    case 'adam':
    case 'adamw':
      return {
        learning_rate: learningRate,
        step_size: learningRate / (1 - spec.beta1 ** step),
        inverse_root_correction: 1 / Math.sqrt(1 - spec.beta2 ** step),
      };
    default:
      return spec satisfies never;
  }
}

/** The values that replace a parameter vector and its optimiser state. */
export interface Update {
  readonly parameters: Value;
  /** In the order of `slotNames`. */
  readonly slots: readonly Value[];
}

/** One vector to update. */
export interface UpdateRequest {
  /** A vector of parameters `[length]`, its gradient and its slots, all of that shape. */
  readonly parameters: Value;
  readonly gradient: Value;
  readonly slots: readonly Value[];
  /** The values of `stepScalars` by name, each of shape []. */
  readonly scalars: (name: string) => Value;
  /** Whether weight decay applies to this vector. */
  readonly decay: boolean;
}

function sgdUpdate(b: Builder, spec: Extract<OptimizerSpec, { kind: 'sgd' }>, request: UpdateRequest): Update {
  const { parameters, slots, scalars } = request;
  const decay = request.decay ? spec.weightDecay : 0;
  const gradient = decay === 0 ? request.gradient : add(b, request.gradient, mul(b, parameters, decay));
  const [velocity] = slots;
  const moved = velocity === undefined ? gradient : add(b, mul(b, velocity, spec.momentum), gradient);
  const direction = spec.nesterov ? add(b, gradient, mul(b, moved, spec.momentum)) : moved;
  return {
    parameters: sub(b, parameters, mul(b, direction, scalars('learning_rate'))),
    slots: velocity === undefined ? [] : [moved],
  };
}

function adamUpdate(
  b: Builder,
  spec: Extract<OptimizerSpec, { kind: 'adam' | 'adamw' }>,
  request: UpdateRequest,
): Update {
  const { slots, scalars } = request;
  const decay = request.decay ? spec.weightDecay : 0;
  const decoupled = spec.kind === 'adamw' && decay !== 0;
  const parameters = decoupled
    ? sub(b, request.parameters, mul(b, request.parameters, mul(b, scalars('learning_rate'), decay)))
    : request.parameters;
  const gradient =
    spec.kind === 'adam' && decay !== 0 ? add(b, request.gradient, mul(b, parameters, decay)) : request.gradient;
  const [mean, square] = slots;
  if (mean === undefined || square === undefined)
    throw usageError('adam needs two state vectors', { received: String(slots.length) });
  const nextMean = add(b, mul(b, mean, spec.beta1), mul(b, gradient, 1 - spec.beta1));
  const nextSquare = add(b, mul(b, square, spec.beta2), mul(b, mul(b, gradient, gradient), 1 - spec.beta2));
  const root = add(b, mul(b, sqrt(b, nextSquare), scalars('inverse_root_correction')), spec.epsilon);
  const change = mul(b, div(b, nextMean, root), scalars('step_size'));
  return { parameters: sub(b, parameters, change), slots: [nextMean, nextSquare] };
}

/** Adds one update to the graph: new parameters and slots from the old ones and the gradient. */
export function applyOptimizer(b: Builder, spec: OptimizerSpec, request: UpdateRequest): Update {
  switch (spec.kind) {
    case 'sgd':
      return sgdUpdate(b, spec, request);
    case 'adam':
    case 'adamw':
      return adamUpdate(b, spec, request);
    default:
      return spec satisfies never;
  }
}
