import type { Value } from '../graph/builder.ts';
import { add, logSoftmax, reshape } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Geometry } from './geometry.ts';
import { streamingLoss } from './softmax-loss.ts';
import { tableLoss } from './table-softmax.ts';

/** The vectors e_w of V words: those of a fixed geometry, or the rows of a table `[V, N]`, a parameter or a constant. */
export type WordVectors =
  { readonly kind: 'geometry'; readonly geometry: Geometry } | { readonly kind: 'table'; readonly table: Value };

/** The logits of a batch of contexts, before they are computed: z_w = ⟨e_w, y⟩ + b_w. */
export interface WordScores {
  /** y `[batch, N]`: a hidden state h, or α·h/‖h‖. */
  readonly scaled: Value;
  readonly vectors: WordVectors;
  /** b `[V]`. */
  readonly bias: Value | undefined;
  /** The word that followed: int32 `[batch]`. */
  readonly labels: Value;
}

/** z `[batch, V]`; the batch may be symbolic. */
export function wordLogits(c: LayerContext, { scaled, vectors, bias }: Omit<WordScores, 'labels'>): Value {
  switch (vectors.kind) {
    case 'geometry': {
      const z = vectors.geometry.product(c, scaled);
      return bias === undefined ? z : add(c.b, z, bias);
    }
    case 'table':
      return c.b.op('Gemm', [scaled, vectors.table, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });
    default:
      return vectors satisfies never;
  }
}

/** log softmax(z) at the label, `[batch]`; the batch may be symbolic. Finite for any finite logits. */
export function wordLogLikelihoods(c: LayerContext, scores: WordScores): Value {
  const { b } = c;
  const all = logSoftmax(b, wordLogits(c, scores));
  const own = b.op('GatherElements', [all, reshape(b, scores.labels, [-1, 1])], { axis: 1 });
  return reshape(b, own, [-1]);
}

/**
 * Softmax cross-entropy, averaged over the batch: (1/batch)·Σ (log Σ_w exp z_w − z_label); a scalar. It is exact, and so are its
 * gradients to y, to the bias and to a table that is no constant; for a constant one none is computed.
 *
 * The batch is taken in chunks of rows, so that memory does not grow with batch × V: see `tableLoss` and, for a geometry,
 * `streamingLoss`.
 */
export function wordLoss(c: LayerContext, { scaled, vectors, bias, labels }: WordScores): Value {
  switch (vectors.kind) {
    case 'geometry': {
      const scores = { geometry: vectors.geometry, unit: scaled, scaled, scale: 1, bias, labels };
      return streamingLoss(c, scores, { labelSmoothing: 0, margin: undefined }).loss;
    }
    case 'table':
      return c.b.scoped('words', () => tableLoss(c.b, { scaled, table: vectors.table, bias, labels }));
    default:
      return vectors satisfies never;
  }
}
