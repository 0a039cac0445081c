import { randomStream } from '../core/random.ts';
import { sizeOf, type StaticShape } from '../core/shape.ts';

/**
 * How a parameter starts.
 *
 * - `constant`: every element is `value`.
 * - `kaiming-normal`: N(0, 2/fan) with fan = output channels × kernel area for a filter `[out, in, kh, kw]` ("fan out", He et
 *   al. 2015, the choice of the CIFAR ResNets) or inputs for a matrix `[out, in]`.
 * - `uniform`: U(−bound, bound).
 */
export type Initial =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'kaiming-normal' }
  | { readonly kind: 'uniform'; readonly bound: number };

/** A tensor that the optimiser updates. */
export interface ParameterSpec {
  /** Its path, also its key in a checkpoint: `stage1.0.conv1.weight`. */
  readonly name: string;
  readonly shape: StaticShape;
  readonly initial: Initial;
  /** Whether weight decay applies: true for filters and matrices, false for biases, norms and α. */
  readonly decay: boolean;
}

/** A tensor that a training step replaces without a gradient: BatchNorm's running statistics. */
export interface BufferSpec {
  readonly name: string;
  readonly shape: StaticShape;
  readonly initial: number;
}

function kaimingDeviation(shape: StaticShape): number {
  const [out = 1, inputs = 1, ...kernel] = shape;
  const fan = kernel.length > 0 ? out * sizeOf(kernel) : inputs;
  return Math.sqrt(2 / fan);
}

/**
 * First values of a parameter: a pure function of the seed and the parameter's name, so that the same backbone starts alike
 * whatever head follows it.
 */
export function initialValues(spec: ParameterSpec, seed: number): Float32Array {
  const { initial } = spec;
  const values = new Float32Array(sizeOf(spec.shape));
  switch (initial.kind) {
    case 'constant':
      return values.fill(initial.value);
    case 'kaiming-normal': {
      const random = randomStream(seed, 'initialize', spec.name);
      const deviation = kaimingDeviation(spec.shape);
      return values.map(() => deviation * random.normal());
    }
    case 'uniform': {
      const random = randomStream(seed, 'initialize', spec.name);
      return values.map(() => initial.bound * (2 * random.uniform() - 1));
    }
    default:
      return initial satisfies never;
  }
}
