import { usageError } from '../core/errors.ts';
import type { SignFamily } from './diagonals.ts';

/**
 * A fixed head whose class vectors come from a union of signed Hadamard bases, as plain data.
 *
 * With H a Hadamard matrix of order n and D_a diagonal matrices of signs, slot s is in basis a = s div L and has place
 * s mod L there, L = n − firstRow, or twice that with `antipodal`: first the rows firstRow … n − 1 of H·D_a, then (antipodal) the
 * negatives of the same rows. Its unit vector is q_s = ±(row of H·D_a)/√n on the first n features; further features only count in ‖x‖.
 * The logit of class c with slot s is scale·⟨q_s, x⟩/√(‖x‖² + 10⁻¹²) + bias_c.
 */
export interface HeadDescription {
  readonly kind: 'hadamard';
  /** N: the length of a feature vector. */
  readonly features: number;
  /** C, at least 2. */
  readonly classes: number;
  /** n ≤ N, or N + 1 with `firstColumn`: 1, 2 or a multiple of 4 for which a construction is known. Default: the largest of these. */
  readonly order?: number;
  /** The diagonals D_a. `identity` is one basis; `given` takes `signs`. Default: `identity`. */
  readonly diagonals?: SignFamily | 'given';
  /** For `given`: ⌈n/8⌉ bytes for each basis; bit i mod 8 (least significant first) of byte i div 8 is set where entry i is −1. */
  readonly signs?: Uint8Array;
  /** How many diagonals there are. Default: as many as the classes need. */
  readonly bases?: number;
  /** Whether the negative of each row has a slot too. Default: false. */
  readonly antipodal?: boolean;
  /**
   * 1 leaves out column 0 of every basis: feature i meets column i + 1, and n may be N + 1. The rows of H without its constant
   * column are a simplex of N + 1 vectors. They are divided by √(n − 1). Default: 0.
   */
  readonly firstColumn?: 0 | 1;
  /** 1 leaves out row 0 of every basis, which is constant where D_a is the identity. Default: 0. */
  readonly firstRow?: 0 | 1;
  /**
   * A simplex: the mean of the class vectors is subtracted from each, and the result is multiplied by √(C/(C − 1)), which makes
   * C orthogonal vectors unit vectors with cosines −1/(C − 1). Default: false.
   */
  readonly centred?: boolean;
  /** α. Default: 1. */
  readonly scale?: number;
  /** `[classes]`, added to the logits. */
  readonly bias?: Float32Array;
  /** `[classes]`, the slot of each class. Default: class c has slot c. */
  readonly codes?: Uint32Array;
  /** `[features]`: x is replaced by gain·x + shift before it is normalised, as by a folded batch normalisation. */
  readonly gain?: Float32Array;
  readonly shift?: Float32Array;
}

/** A description that was checked, with its defaults filled in. */
export interface ResolvedDescription {
  readonly features: number;
  readonly classes: number;
  readonly order: number;
  readonly diagonals: SignFamily | 'given';
  readonly signs: Uint8Array | undefined;
  readonly bases: number;
  readonly antipodal: boolean;
  readonly firstRow: 0 | 1;
  readonly firstColumn: 0 | 1;
  readonly centred: boolean;
  readonly scale: number;
  readonly bias: Float32Array | undefined;
  readonly codes: Uint32Array | undefined;
  readonly gain: Float32Array | undefined;
  readonly shift: Float32Array | undefined;
  /** Slots of a basis. */
  readonly perBasis: number;
  readonly slots: number;
}

/** Addresses and class numbers of WebAssembly are 32-bit. */
const LARGEST = 2 ** 31 - 1;

function whole(value: number, least: number, most: number, what: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw usageError(`${what} is not possible`, {
    where: what,
    expected: `an integer from ${least} to ${most}`,
    received: String(value),
  });
}

function floats(values: Float32Array | undefined, length: number, what: string): Float32Array | undefined {
  if (values === undefined) return undefined;
  if (!(values instanceof Float32Array) || values.length !== length) {
    throw usageError('wrong length', {
      where: what,
      expected: `a Float32Array of ${length}`,
      received: lengthOf(values),
    });
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw usageError('not a finite number', { where: `${what}[${bad}]`, received: String(values[bad]) });
  return values;
}

/** What an array that was given is, for an error. */
export function lengthOf(values: unknown): string {
  if (!ArrayBuffer.isView(values)) return Array.isArray(values) ? `an Array of ${values.length}` : typeof values;
  const { length } = values as unknown as { readonly length?: number };
  return `${values.constructor.name} of ${length ?? values.byteLength}`;
}

function checkedCodes(codes: Uint32Array | undefined, classes: number, slots: number): Uint32Array | undefined {
  if (codes === undefined) return undefined;
  if (!(codes instanceof Uint32Array) || codes.length !== classes) {
    throw usageError('wrong length', {
      where: 'codes',
      expected: `a Uint32Array of ${classes}: the slot of each class`,
      received: lengthOf(codes),
    });
  }
  const ownerOf = new Map<number, number>();
  codes.forEach((slot, index) => {
    const where = `codes[${index}]`;
    if (slot >= slots)
      throw usageError('no such slot', { where, expected: `0 to ${slots - 1}`, received: String(slot) });
    const owner = ownerOf.get(slot);
    if (owner !== undefined)
      throw usageError('two classes have the same slot', { where, received: `${slot}, as codes[${owner}]` });
    ownerOf.set(slot, index);
  });
  return codes;
}

/** @throws a usage error that names what is not possible, and the legal choices. */
export function resolveDescription(given: HeadDescription): ResolvedDescription {
  const {
    kind,
    diagonals = 'identity',
    antipodal = false,
    firstRow = 0,
    firstColumn = 0,
    centred = false,
    scale = 1,
  } = given;
  // A caller without types may pass anything.
  if ((kind as string) !== 'hadamard')
    throw usageError('unknown kind of head', { where: 'kind', received: kind, legal: ['hadamard'] });
  if ((firstRow as number) !== 0 && (firstRow as number) !== 1)
    throw usageError('unknown first row', { where: 'firstRow', received: String(firstRow), legal: ['0', '1'] });
  if ((firstColumn as number) !== 0 && (firstColumn as number) !== 1)
    throw usageError('unknown first column', {
      where: 'firstColumn',
      received: String(firstColumn),
      legal: ['0', '1'],
    });
  const features = whole(given.features, 1, LARGEST, 'features');
  const classes = whole(given.classes, 2, LARGEST, 'classes');
  const order = whole(given.order ?? features + firstColumn, 1 + firstColumn, features + firstColumn, 'order');
  const rows = order - firstRow;
  if (rows < 1) throw usageError('no rows are left', { where: 'firstRow', expected: 'an order of at least 2' });
  const perBasis = rows * (antipodal ? 2 : 1);
  const needed = given.codes === undefined ? Math.ceil(classes / perBasis) : 1;
  const bases = whole(
    given.bases ?? (diagonals === 'identity' ? 1 : needed),
    1,
    diagonals === 'identity' ? 1 : Math.floor(LARGEST / perBasis),
    'bases',
  );
  const slots = bases * perBasis;
  if (classes > slots) {
    throw usageError('more classes than slots', {
      where: 'classes',
      expected: `at most ${slots} (${bases} × ${perBasis})`,
      received: String(classes),
      hint:
        diagonals === 'identity'
          ? 'antipodal: true doubles the slots; diagonals kerdock, gold or delsarte-goethals give further bases'
          : 'give more bases',
    });
  }
  if (!Number.isFinite(scale)) throw usageError('not a finite number', { where: 'scale', received: String(scale) });
  return {
    features,
    classes,
    order,
    diagonals,
    signs: given.signs,
    bases,
    antipodal,
    firstRow,
    firstColumn,
    centred,
    scale,
    bias: floats(given.bias, classes, 'bias'),
    codes: checkedCodes(given.codes, classes, slots),
    gain: floats(given.gain, features, 'gain'),
    shift: floats(given.shift, features, 'shift'),
    perBasis,
    slots,
  };
}
