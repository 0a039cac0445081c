import { usageError } from '../core/errors.ts';

/**
 * A classifier head as data: what a run's config stores.
 *
 * - `learned`: logits z = s·(W·x + b), W `[C, N]` trained; the baseline.
 * - `hadamard`, `orthonormal`: z = α·⟨qᵢ, x/‖x‖⟩ + bᵢ with fixed unit vectors qᵢ.
 *
 * `scale` is α (or s): `'learned'` for one trained scalar, or a number that stays. `bias` is whether b is trained.
 * `loss` is softmax cross-entropy, or the cosine loss (fixed heads only; then there is no bias and no learned scale).
 */
export type HeadSpec =
  | ({ readonly kind: 'learned' } & HeadOptions)
  | ({ readonly kind: 'hadamard' } & HeadOptions)
  | ({ readonly kind: 'orthonormal'; readonly seed: number } & HeadOptions);

/** The options that every kind of head has; see {@link HeadSpec}. */
export interface HeadOptions {
  readonly scale: 'learned' | number;
  readonly bias: boolean;
  readonly loss: 'cross-entropy' | 'cosine';
}

/** The name of a kind of head. */
export type HeadKind = HeadSpec['kind'];

/** All kinds of heads. */
export const headKinds = ['learned', 'hadamard', 'orthonormal'] as const satisfies readonly HeadKind[];

/** Defaults: the learned head is plain affine (scale 1); fixed heads learn α and a bias. */
export function headSpec(kind: HeadKind, options: Partial<HeadOptions> & { readonly seed?: number } = {}): HeadSpec {
  const loss = options.loss ?? 'cross-entropy';
  const fixedLogits = kind === 'learned' || loss === 'cosine';
  const shared: HeadOptions = {
    scale: options.scale ?? (fixedLogits ? 1 : 'learned'),
    bias: options.bias ?? loss !== 'cosine',
    loss,
  };
  if (loss === 'cosine' && kind === 'learned') {
    throw usageError('the cosine loss needs fixed class vectors', {
      where: 'head learned',
      hint: 'learned vectors would all collapse onto one; use hadamard or orthonormal',
    });
  }
  if (loss === 'cosine' && (shared.scale === 'learned' || shared.bias)) {
    throw usageError('the cosine loss trains neither scale nor bias', {
      where: `head ${kind}`,
      hint: 'leave them out',
    });
  }
  if (typeof shared.scale === 'number' && !(shared.scale > 0 && Number.isFinite(shared.scale))) {
    throw usageError('scale must be positive', { where: `head ${kind}`, received: String(shared.scale) });
  }
  switch (kind) {
    case 'learned':
    case 'hadamard':
      return Object.freeze({ kind, ...shared });
    case 'orthonormal':
      return Object.freeze({ kind, seed: options.seed ?? 0, ...shared });
    default:
      return kind satisfies never;
  }
}

/** A trained affine classifier, z = W·x + b: the baseline. */
export const learned = (options: Partial<HeadOptions> = {}): HeadSpec => headSpec('learned', options);

/** Rows of a Hadamard matrix as class vectors: nothing stored, a fast product. */
export const hadamard = (options: Partial<HeadOptions> = {}): HeadSpec => headSpec('hadamard', options);

/** Seeded random orthonormal class vectors. */
export const orthonormal = (options: Partial<HeadOptions> & { readonly seed?: number } = {}): HeadSpec =>
  headSpec('orthonormal', options);
