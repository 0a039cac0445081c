import { internalError } from '../core/errors.ts';
import { randomStream, type RandomStream } from '../core/random.ts';
import { sizeOf, type StaticShape } from '../core/shape.ts';

/**
 * How a parameter starts.
 *
 * - `constant`: every element is `value`.
 * - `kaiming-normal`: N(0, 2/fan) (He et al. 2015). The fan of a filter `[out, in, kh, kw]` is out·kh·kw (`out`, the default: the choice
 *   of the ResNets) or in·kh·kw (`in`), that of a matrix `[out, in]` its inputs.
 * - `uniform`: U(−bound, bound).
 * - `normal`: N(0, deviation²), drawn again beyond two deviations.
 * - `given`: these values, whatever the seed: weights of a model that was read from a file. As many as the parameter has elements.
 */
export type Initial =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'kaiming-normal'; readonly fan?: 'in' | 'out' }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'given'; readonly values: Float32Array };

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
  /** Fills every element, or gives them one by one (a model that was read from a file). */
  readonly initial: number | Float32Array;
}

/** N(0, 1) within two deviations, by rejection: one draw of 22 is thrown away. */
function truncatedNormal(random: RandomStream): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

function kaimingDeviation(shape: StaticShape, fan: 'in' | 'out'): number {
  const [out = 1, inputs = 1, ...kernel] = shape;
  return Math.sqrt(2 / (kernel.length > 0 && fan === 'out' ? out * sizeOf(kernel) : inputs * sizeOf(kernel)));
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
      const deviation = kaimingDeviation(spec.shape, initial.fan ?? 'out');
      return values.map(() => deviation * random.normal());
    }
    case 'uniform': {
      const random = randomStream(seed, 'initialize', spec.name);
      return values.map(() => initial.bound * (2 * random.uniform() - 1));
    }
    case 'normal': {
      const random = randomStream(seed, 'initialize', spec.name);
      return values.map(() => initial.deviation * truncatedNormal(random));
    }
    case 'given': {
      if (initial.values.length !== values.length) {
        throw internalError('given values do not fill the parameter', {
          where: spec.name,
          expected: String(values.length),
          received: String(initial.values.length),
        });
      }
      values.set(initial.values);
      return values;
    }
    default:
      return initial satisfies never;
  }
}
