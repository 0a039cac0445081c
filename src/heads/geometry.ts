import type { Value } from '../graph/builder.ts';
import type { LayerContext } from '../nn/layer-context.ts';

/**
 * Whether features are known to be non-negative (after a ReLU, and averages of such) or may have either sign.
 * Non-negative features all have a large component along the constant direction (1, …, 1)/√N. A class vector that is not
 * orthogonal to that direction would be favoured, or dead, whatever the image shows.
 */
export type FeatureSign = 'non-negative' | 'signed';

/**
 * What a set of class vectors is.
 *
 * - `rows`: rows of one Hadamard matrix; `biorthogonal`: those and their negatives; `coset`: rows of several signed
 *   Hadamard matrices H·D_a.
 * - `simplex`: all cosines −1/(count − 1); `orthonormal`: random, orthogonal; `random`: independent directions; `custom`: given.
 */
export type GeometryKind = 'rows' | 'biorthogonal' | 'coset' | 'simplex' | 'orthonormal' | 'random' | 'custom';

/** What one product of one feature vector with all class vectors takes: additions, multiplications and stored bytes. */
export interface ProductCost {
  readonly adds: number;
  readonly multiplies: number;
  readonly constantBytes: number;
}

/**
 * A run of consecutive slots that is computed at once, so that a loss over millions of classes never holds them all.
 * A slot is a place in the geometry's own order of vectors.
 */
export interface SlotBlock {
  readonly first: number;
  readonly count: number;
  /** `[count]` 1 where a class has the slot, 0 where none has; `undefined` where every slot is taken. */
  readonly used: Float32Array | undefined;
  /** The inner products ⟨q_s, x⟩ of x `[batch, N]`: `[batch, count]`. */
  readonly product: (c: LayerContext, x: Value) => Value;
  /** Σ_s w_s·q_s of weights w `[batch, count]`: `[batch, N]`. The transpose of `product`. */
  readonly transposed: (c: LayerContext, weights: Value) => Value;
}

/**
 * How slots are made of signed Hadamard bases, for a product that is computed without a graph.
 *
 * H is the Hadamard matrix of this order and D_a the diagonals. Basis a holds the rows firstRow … order − 1 of H·D_a, and behind them, if
 * antipodal, their negatives; the columns firstColumn … order − 1 meet features 0, 1, …. With `centred` the mean of the classes' vectors
 * is subtracted from each. All are scaled to unit length.
 */
export interface BasisLayout {
  readonly order: number;
  readonly bases: number;
  /** D_a. */
  readonly diagonals: {
    readonly family: 'identity' | 'kerdock' | 'gold' | 'delsarte-goethals' | 'random';
    /** One of them as ⌈order/8⌉ bytes, in which a set bit (least significant first) is an entry −1. */
    readonly packed: (basis: number) => Uint8Array;
  };
  readonly antipodal: boolean;
  readonly firstRow: 0 | 1;
  readonly firstColumn: 0 | 1;
  readonly centred: boolean;
}

/** A set of fixed unit class vectors q₁ … q_C in R^N and the fast ways to multiply by them. */
export interface Geometry {
  readonly kind: GeometryKind;
  /** How it is built, for people: `Sylvester 2^10, 98 Kerdock bases`. */
  readonly construction: string;
  readonly features: number;
  readonly classes: number;
  /** How many of the features the vectors use: the order of the Hadamard matrix, else N. */
  readonly order: number;
  /** How many orthonormal bases the vectors come from; 0 where there are none (`random`, `custom`, `simplex`). */
  readonly bases: number;
  /** Whether the negative of a class vector may be another class vector: cosine −1, which no class can be mistaken over. */
  readonly antipodal: boolean;
  /** How many classes this geometry offers at N features of this sign; Infinity for Gaussian directions. */
  readonly capacity: number;
  /** Largest |cos| between two class vectors that are not antipodal, as promised by the construction (0 for an orthonormal set). */
  readonly coherence: number;
  /** Whether every class vector is orthogonal to (1, …, 1). */
  readonly balanced: boolean;
  readonly cost: ProductCost;
  /** Where the vectors come from signed Hadamard bases, how. */
  readonly layout?: BasisLayout;
  /** Numbers that a stored matrix holds: counted as (untrained) parameters of the model. */
  readonly fixedParameters: number;
  /** How many slots there are: C, or more where classes were assigned to some of many vectors. */
  readonly slots: number;
  /** Slot of each class; `undefined` where class i has slot i. */
  readonly codes: Uint32Array | undefined;
  /** The inner products ⟨qᵢ, x⟩ of x `[batch, N]` with the vectors of all classes, in their order: `[batch, C]`. */
  readonly product: (c: LayerContext, x: Value) => Value;
  /** All slots, in blocks of about `slots` slots (of at least one basis where the product is a transform). */
  readonly blocks: (slots: number) => readonly SlotBlock[];
  /** The vectors of given slots (int32 `[batch]`): `[batch, N]`. */
  readonly rowsOf: (c: LayerContext, slots: Value) => Value;
  /** The vector of one class, `[N]`: for checks, assignment and inspection, never for running. */
  readonly vector: (index: number) => Float32Array;
}

/** A given matrix of class vectors, `[classes, features]` row-major; the rows need not have unit length. */
export interface ClassVectors {
  readonly data: Float32Array;
  readonly classes: number;
  readonly features: number;
}

/** The place that a set of class vectors must fill. */
export interface GeometryRequest {
  readonly classes: number;
  readonly features: number;
  readonly sign: FeatureSign;
  /** What a custom head consists of; heads of other kinds make their own. */
  readonly vectors?: ClassVectors;
}

/**
 * Whether features of this sign should be centred (batch-normalised without scale and shift) before they meet these vectors: they
 * are non-negative, so all lie near (1, …, 1), and some class vector has a component along that direction.
 */
export function needsCentring(geometry: Geometry, sign: FeatureSign): boolean {
  return sign === 'non-negative' && !geometry.balanced;
}

/** The vectors of all classes, `[C, N]` row-major: for checks and small dense heads. */
export function vectorsOf({
  classes,
  features,
  vector,
}: Pick<Geometry, 'classes' | 'features' | 'vector'>): Float32Array {
  const all = new Float32Array(classes * features);
  for (let index = 0; index < classes; index++) all.set(vector(index), index * features);
  return all;
}

/**
 * How many orthogonal class vectors there are on N features: N, or N − 1 where they must also be orthogonal to (1, …, 1)
 * because the features are non-negative.
 */
export function orthogonalCapacity(features: number, sign: FeatureSign): number {
  return sign === 'signed' ? features : features - 1;
}

/** A cosine this close to −1 is that of two antipodal vectors, float32 rounding included. */
const ANTIPODAL = -1 + 1e-6;

/**
 * Largest |⟨qᵢ, qⱼ⟩| over all pairs of different unit rows of `[count, features]` that are not antipodal, by brute force in
 * float64: count²·features/2 multiply-adds.
 */
export function measuredCoherence(vectors: Float32Array, features: number): number {
  const count = vectors.length / features;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      let product = 0;
      for (let k = 0; k < features; k++) product += (vectors[i * features + k] ?? 0) * (vectors[j * features + k] ?? 0);
      if (product > ANTIPODAL) largest = Math.max(largest, Math.abs(product));
    }
  }
  return largest;
}
