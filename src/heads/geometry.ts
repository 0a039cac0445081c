import type { Value } from '../graph/builder.ts';
import type { LayerContext } from '../nn/layer-context.ts';

/**
 * Whether features are known to be non-negative (after a ReLU, and averages of such) or may have either sign.
 * Non-negative features all have a large component along the constant direction (1, …, 1)/√N. A class vector that is not
 * orthogonal to that direction would be favoured, or dead, whatever the image shows.
 */
export type FeatureSign = 'non-negative' | 'signed';

/** A set of fixed unit class vectors q₁ … q_C in R^N and the fast way to multiply by them. */
export interface Geometry {
  readonly kind: 'hadamard' | 'orthonormal';
  readonly features: number;
  readonly classes: number;
  /** How many classes this geometry offers at N features of this sign. */
  readonly capacity: number;
  /** Largest |⟨qᵢ, qⱼ⟩|, i ≠ j, that the construction promises (0 up to float32 rounding for an orthonormal set). */
  readonly coherence: number;
  /** Whether every class vector is orthogonal to (1, …, 1). */
  readonly balanced: boolean;
  /** Arithmetic and storage of one product with one feature vector. */
  readonly cost: { readonly multiplyAdds: number; readonly constantBytes: number };
  /** Numbers that a stored matrix holds: counted as (untrained) parameters of the model. */
  readonly fixedParameters: number;
  /** The inner products ⟨qᵢ, x⟩ of x `[batch, N]`: `[batch, C]`. */
  readonly product: (c: LayerContext, x: Value) => Value;
  /** The class vectors, `[C, N]` row-major: for checks and inspection, never for running. */
  readonly vectors: () => Float32Array;
}

/** The place that a set of class vectors must fill. */
export interface GeometryRequest {
  readonly classes: number;
  readonly features: number;
  readonly sign: FeatureSign;
}

/**
 * How many orthogonal class vectors there are on N features: N, or N − 1 where they must also be orthogonal to (1, …, 1)
 * because the features are non-negative.
 */
export function orthogonalCapacity(features: number, sign: FeatureSign): number {
  return sign === 'signed' ? features : features - 1;
}

/** Largest |⟨qᵢ, qⱼ⟩| over all pairs of different rows of `[count, features]`, by brute force in float64. */
export function measuredCoherence(vectors: Float32Array, features: number): number {
  const count = vectors.length / features;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      let product = 0;
      for (let k = 0; k < features; k++) product += (vectors[i * features + k] ?? 0) * (vectors[j * features + k] ?? 0);
      largest = Math.max(largest, Math.abs(product));
    }
  }
  return largest;
}
