import { inputError, usageError } from '../core/errors.ts';
import type { BasisLayout } from '../heads/geometry.ts';
import { logScaleParameter, scaleParameter, type Head } from '../heads/head.ts';
import { centringOf } from '../heads/unit-features.ts';
import { hasBias } from '../heads/spec.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { HeadDescription } from '../wasm/description.ts';

/** What `fixhead/head` can compute, for people. */
export const describedHeads = [
  'hadamard',
  'biorthogonal',
  'coset',
  'simplex (up to the order of a Hadamard matrix on the features, or as many classes as such an order N + 1)',
];

function floats(weights: Weights, name: string): Float32Array {
  const value = weights.get(name);
  if (value?.dtype === 'float32') return value.data;
  throw inputError('the weights do not have what the head needs', { where: name, expected: 'float32' });
}

function scaleOf({ spec }: Head, weights: Weights): number {
  if (spec.scale !== 'learned') return spec.scale;
  return spec.margin === undefined
    ? (floats(weights, scaleParameter)[0] ?? 1)
    : Math.exp(floats(weights, logScaleParameter)[0] ?? 0);
}

/** Diagonals by the name of their family where the receiver can generate them, else as one bit for each sign. */
function diagonalsOf({ order, bases, diagonals }: BasisLayout): Pick<HeadDescription, 'diagonals' | 'bases' | 'signs'> {
  const { family, packed } = diagonals;
  if (bases === 1) return {};
  // At other orders than powers of two, the signs of a family are those of a part of H, repeated.
  if (family !== 'random' && family !== 'identity' && Number.isInteger(Math.log2(order)))
    return { diagonals: family, bases };
  const bytes = Math.ceil(order / 8);
  const signs = new Uint8Array(bases * bytes);
  for (let basis = 0; basis < bases; basis++) signs.set(packed(basis), basis * bytes);
  return { diagonals: 'given', bases, signs };
}

/**
 * A trained head as plain data for `openHead` of `fixhead/head`, which computes what the head's part of the exported model does: its class
 * vectors by their construction, the slots that classes were assigned to, α, the biases, and the running statistics that features
 * are centred with.
 *
 * @param head the head that was trained
 * @param weights the trained weights, as `train` gives them or a checkpoint has them
 * @throws a usage error for class vectors that are no signed Hadamard bases, naming the heads that are; an input error where
 * the weights lack those of the head.
 */
export function describeHead(head: Head, weights: Weights): HeadDescription {
  const { geometry, features, classes, name } = head;
  const layout = geometry?.layout;
  if (geometry === undefined || layout === undefined) {
    throw usageError('no description of this head without its matrix', {
      where: `head ${name}`,
      received: geometry === undefined ? 'class vectors that were trained' : geometry.construction,
      legal: describedHeads,
      hint: 'the whole model as one .onnx file has every head',
    });
  }
  const { order, antipodal, firstRow, firstColumn, centred } = layout;
  return {
    kind: 'hadamard',
    features,
    classes,
    order,
    ...diagonalsOf(layout),
    ...(antipodal ? { antipodal } : {}),
    ...(firstRow === 1 ? { firstRow } : {}),
    ...(firstColumn === 1 ? { firstColumn } : {}),
    ...(centred ? { centred } : {}),
    scale: scaleOf(head, weights),
    ...(hasBias(head.spec, classes) ? { bias: floats(weights, 'head.bias') } : {}),
    ...(geometry.codes === undefined ? {} : { codes: geometry.codes }),
    ...(head.centred ? centringOf(floats(weights, 'head.running_mean'), floats(weights, 'head.running_var')) : {}),
  };
}
