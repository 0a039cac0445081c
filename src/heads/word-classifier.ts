import { staticShapeOf, type Value } from '../graph/builder.ts';
import {
  add,
  detach,
  exp,
  gather,
  log,
  logSoftmax,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  sub,
} from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { rowProducts } from './class-scores.ts';
import type { Geometry } from './geometry.ts';
import { streamingLoss } from './softmax-loss.ts';

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

/** Softmax cross-entropy, averaged over the batch: (1/batch)·Σ (log Σ_w exp z_w − z_label); a scalar. */
export function wordLoss(c: LayerContext, scores: WordScores): Value {
  const { b } = c;
  const { scaled, vectors, bias, labels } = scores;
  if (vectors.kind === 'geometry') {
    const { geometry } = vectors;
    return streamingLoss(
      c,
      { geometry, unit: scaled, scaled, scale: 1, bias, labels },
      { labelSmoothing: 0, margin: undefined },
    ).loss;
  }
  const [batch = 1] = staticShapeOf(labels);
  const z = wordLogits(c, scores);
  const shift = detach(b, reduceMax(b, z, [1], { keepdims: true }));
  const total = add(b, shift, log(b, reduceSum(b, exp(b, sub(b, z, shift)), [1], { keepdims: true })));
  const inner = rowProducts(b, scaled, gather(b, vectors.table, labels, 0));
  const own = bias === undefined ? inner : add(b, inner, reshape(b, gather(b, bias, labels, 0), [batch, 1]));
  return reduceMean(b, sub(b, total, own), [0, 1]);
}
