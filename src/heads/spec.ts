import { usageError } from '../core/errors.ts';

/**
 * A classifier head as data: what a run's config stores.
 *
 * - `learned`: logits z = s·(W·x + b), W `[C, N]` trained; the baseline.
 * - `cosine`: z = α·⟨wᵢ/‖wᵢ‖, x/‖x‖⟩ + bᵢ, W trained; the baseline with the normalisation of the fixed heads.
 * - All others: z = α·⟨qᵢ, x/‖x‖⟩ + bᵢ with fixed unit vectors qᵢ:
 *   - `hadamard`: rows of a Hadamard matrix, ±rows or cosets, the first that has room; with `exact` only where N itself is the
 *     order of a Hadamard matrix;
 *   - `biorthogonal`: ±rows of one Hadamard matrix, C ≤ 2N; `coset`: rows of several sign-changed Hadamard matrices, with `signs`
 *     also their negatives;
 *   - `simplex`: all cosines −1/(C − 1), C ≤ N + 1; `orthonormal`: random orthonormal vectors, C ≤ N;
 *   - `random`: independent random directions, any C: entries ±1/√N (`signs`) or uniform on the sphere (`gaussian`);
 *   - `custom`: the rows of the matrix in `file`, scaled to unit length.
 */
export type HeadSpec =
  | ({ readonly kind: 'learned' } & HeadOptions)
  | ({ readonly kind: 'cosine' } & HeadOptions)
  | ({ readonly kind: 'hadamard'; readonly exact: boolean } & HeadOptions)
  | ({ readonly kind: 'biorthogonal' } & HeadOptions)
  | ({ readonly kind: 'simplex' } & HeadOptions)
  | ({ readonly kind: 'orthonormal'; readonly seed: number } & HeadOptions)
  | ({ readonly kind: 'random'; readonly seed: number; readonly directions: Directions } & HeadOptions)
  | ({ readonly kind: 'coset'; readonly signs: boolean } & HeadOptions)
  | ({ readonly kind: 'custom'; readonly file: string } & HeadOptions);

/** How the vectors of a `random` head are drawn. */
export type Directions = 'signs' | 'gaussian';

/** The options that every kind of head has; see {@link HeadSpec}. */
export interface HeadOptions {
  /** α (or s): `'learned'` for one trained scalar, or a positive number that stays. */
  readonly scale: 'learned' | number;
  /** Whether b is trained; `'auto'`: up to {@link AUTO_BIAS_CLASSES} classes. */
  readonly bias: boolean | 'auto';
  /** Softmax cross-entropy, or the cosine loss (fixed vectors only; then there is no bias and no learned scale). */
  readonly loss: 'cross-entropy' | 'cosine';
  /**
   * Whether features are batch-normalised, without a learned scale and shift, before they are scaled to unit length. `'auto'`: where
   * they are non-negative and some fixed class vector is not orthogonal to (1, …, 1), which more than N − 1 classes cannot avoid.
   */
  readonly center: 'auto' | 'batch-norm' | 'none';
  /** A margin that the own class must win by in training; then a learned α is exp(s), which cannot become negative. */
  readonly margin: Margin | undefined;
}

/**
 * A margin m on the cosine of the own class, while training.
 *
 * - `cosface`: cos θ − m, 0 < m < 1 (Wang et al. 2018);
 * - `arcface`: cos(θ + m), 0 < m < π/2 radians (Deng et al. 2019).
 */
export interface Margin {
  readonly kind: 'cosface' | 'arcface';
  readonly value: number;
}

/** The options that only some kinds of heads have. */
export interface OwnOptions {
  readonly seed: number;
  readonly directions: Directions;
  readonly exact: boolean;
  readonly signs: boolean;
  readonly file: string;
}

/** What may be asked of a head; the rest takes its default. */
export type HeadChoices = Partial<HeadOptions> & Partial<OwnOptions>;

/** The name of a kind of head. */
export type HeadKind = HeadSpec['kind'];

/** The options of each kind beyond the shared ones. */
export const ownOptions = {
  learned: [],
  cosine: [],
  hadamard: ['exact'],
  biorthogonal: [],
  simplex: [],
  orthonormal: ['seed'],
  random: ['seed', 'directions'],
  coset: ['signs'],
  custom: ['file'],
} as const satisfies Record<HeadKind, readonly (keyof OwnOptions)[]>;

/** All kinds of heads. */
export const headKinds = Object.freeze(Object.keys(ownOptions)) as readonly HeadKind[];

/** With `bias: 'auto'` the head has a bias up to this many classes: beyond, a number for each class would be most of what it trains. */
export const AUTO_BIAS_CLASSES = 1000;

/** Whether the head has a trained bias for that many classes. */
export function hasBias({ bias }: HeadOptions, classes: number): boolean {
  return bias === 'auto' ? classes <= AUTO_BIAS_CLASSES : bias;
}

/** Whether the class vectors are trained. */
const trainsVectors = (kind: HeadKind): boolean => kind === 'learned' || kind === 'cosine';

function checkMargin(kind: HeadKind, { margin, loss }: HeadOptions): void {
  if (margin === undefined) return;
  const where = `head ${kind}`;
  if (kind === 'learned') {
    throw usageError('a margin needs cosines, and a learned head has none', {
      where,
      hint: 'use cosine or a fixed head',
    });
  }
  if (loss === 'cosine') {
    throw usageError('a margin belongs to the cross-entropy loss', {
      where,
      hint: 'leave the margin or loss=cosine out',
    });
  }
  const limit = margin.kind === 'cosface' ? 1 : Math.PI / 2;
  if (!(margin.value > 0 && margin.value < limit)) {
    throw usageError(`${margin.kind} margin out of range`, {
      where,
      expected:
        margin.kind === 'cosface'
          ? 'a cosine above 0 and below 1'
          : 'an angle above 0 and below π/2 = 1.5708 (radians)',
      received: String(margin.value),
    });
  }
}

function checkShared(kind: HeadKind, shared: HeadOptions): void {
  const where = `head ${kind}`;
  const { scale, bias, loss, center } = shared;
  if (loss === 'cosine' && trainsVectors(kind)) {
    throw usageError('the cosine loss needs fixed class vectors', {
      where,
      hint: 'learned vectors would all collapse onto one; use hadamard or another fixed head',
    });
  }
  if (loss === 'cosine' && (scale === 'learned' || bias !== false)) {
    throw usageError('the cosine loss trains neither scale nor bias', { where, hint: 'leave them out' });
  }
  if (typeof scale === 'number' && !(scale > 0 && Number.isFinite(scale))) {
    throw usageError('scale must be positive', { where, received: String(scale) });
  }
  if (kind === 'learned' && center === 'batch-norm') {
    throw usageError('a learned head takes features as they are', {
      where,
      hint: 'centring belongs to heads that normalise features; use cosine or a fixed head',
    });
  }
  checkMargin(kind, shared);
}

function integerSeed(kind: HeadKind, seed = 0): number {
  // −0 would be written 0.
  if (Number.isSafeInteger(seed)) return seed + 0;
  throw usageError('a seed is an integer', { where: `head ${kind}`, received: String(seed) });
}

function fileName(file: string | undefined): string {
  if (file !== undefined && file.trim() === file && file !== '') return file;
  throw usageError('a custom head needs the file of its class vectors', {
    where: 'head custom',
    expected: 'custom:file=PATH with one row of numbers for each class',
    ...(file === undefined ? {} : { received: JSON.stringify(file) }),
  });
}

/**
 * A head of some kind, frozen. Defaults: the learned head is plain affine (scale 1, with a bias); heads of cosines learn α and have a
 * bias up to {@link AUTO_BIAS_CLASSES} classes; with the cosine loss the scale is 1 and there is no bias.
 *
 * @throws a usage error for options that the kind does not have, that contradict each other or are out of range.
 */
export function headSpec(kind: HeadKind, options: HeadChoices = {}): HeadSpec {
  const { scale, bias, loss = 'cross-entropy', center = 'auto', margin, ...own } = options;
  const legal: readonly string[] = ownOptions[kind];
  const given: Readonly<Record<string, unknown>> = own;
  for (const [option, value] of Object.entries(given)) {
    if (value !== undefined && !legal.includes(option)) {
      throw usageError(`a ${kind} head has no option ${option}`, {
        legal: ['scale', 'bias', 'loss', 'center', 'margin', ...legal],
      });
    }
  }
  const shared: HeadOptions = {
    scale: scale ?? (kind === 'learned' || loss === 'cosine' ? 1 : 'learned'),
    bias: bias ?? (loss === 'cosine' ? false : kind === 'learned' || 'auto'),
    loss,
    center,
    margin: margin === undefined ? undefined : Object.freeze({ kind: margin.kind, value: margin.value }),
  };
  checkShared(kind, shared);
  switch (kind) {
    case 'learned':
    case 'cosine':
    case 'biorthogonal':
    case 'simplex':
      return Object.freeze({ kind, ...shared });
    case 'hadamard':
      return Object.freeze({ kind, exact: own.exact ?? false, ...shared });
    case 'orthonormal':
      return Object.freeze({ kind, seed: integerSeed(kind, own.seed), ...shared });
    case 'random':
      return Object.freeze({
        kind,
        seed: integerSeed(kind, own.seed),
        directions: own.directions ?? 'signs',
        ...shared,
      });
    case 'coset':
      return Object.freeze({ kind, signs: own.signs ?? false, ...shared });
    case 'custom':
      return Object.freeze({ kind, file: fileName(own.file), ...shared });
    default:
      return kind satisfies never;
  }
}

/** The shared options of a head and those of its own that it has. */
export type Choices<K extends keyof OwnOptions = never> = Partial<HeadOptions> & Partial<Pick<OwnOptions, K>>;

/** A trained affine classifier, z = W·x + b: the baseline. */
export const learned = (options: Choices = {}): HeadSpec => headSpec('learned', options);

/** Trained class vectors with rows and features scaled to unit length: logits are α times cosines. */
export const cosine = (options: Choices = {}): HeadSpec => headSpec('cosine', options);

/** Rows of a Hadamard matrix, ±rows or cosets, the first that has room for the classes: nothing stored, a fast product. */
export const hadamard = (options: Choices<'exact'> = {}): HeadSpec => headSpec('hadamard', options);

/** Rows of a Hadamard matrix and their negatives: up to 2N classes. */
export const biorthogonal = (options: Choices = {}): HeadSpec => headSpec('biorthogonal', options);

/** Vectors whose cosines are all −1/(C − 1): up to N + 1 classes. */
export const simplex = (options: Choices = {}): HeadSpec => headSpec('simplex', options);

/** Seeded random orthonormal class vectors. */
export const orthonormal = (options: Choices<'seed'> = {}): HeadSpec => headSpec('orthonormal', options);

/** Seeded independent random class vectors, any number of them. */
export const random = (options: Choices<'seed' | 'directions'> = {}): HeadSpec => headSpec('random', options);

/** Rows of several sign-changed Hadamard matrices: many more classes than features, nothing stored but signs. */
export const coset = (options: Choices<'signs'> = {}): HeadSpec => headSpec('coset', options);

/** The rows of a given matrix as class vectors, `file` naming where it is (`.npy`, `.csv` or `.safetensors`). */
export const custom = (options: Choices & Pick<OwnOptions, 'file'>): HeadSpec => headSpec('custom', options);
