import { gradients } from '../src/autodiff/gradients.ts';
import { defined } from '../src/core/errors.ts';
import { randomStream } from '../src/core/random.ts';
import { float32 } from '../src/core/tensor.ts';
import { createBuilder, type Value } from '../src/graph/builder.ts';
import { matmul } from '../src/graph/functions.ts';
import type { Graph } from '../src/graph/graph.ts';
import { geometryOf, parseHead, wordLoss, type WordVectors } from '../src/heads/index.ts';
import { createLayerContext } from '../src/nn/layer-context.ts';

export type WordKind = 'learned' | 'fixed' | 'hadamard' | 'products-learned' | 'products-fixed';

export interface WordGraphOptions {
  readonly kind: WordKind;
  readonly batch: number;
  readonly features: number;
  readonly words: number;
}

/** A table of words, `[words, features]`, whose logits of hidden states of unit variance have about unit variance. */
export function wordTable({ words, features }: WordGraphOptions): Float32Array {
  const random = randomStream(0, 'bench', 'words');
  return Float32Array.from({ length: words * features }, () => (random.uniform() - 0.5) * Math.sqrt(12 / features));
}

/**
 * From hidden states, labels, bias and, where it is learned, the table to the loss and its gradients; or, of `products-…`, the matrix
 * products of that alone: logits, the gradient to the hidden states and that to a learned table.
 */
export function wordGraph(options: WordGraphOptions): Graph {
  const { kind, batch, features, words } = options;
  const b = createBuilder('words');
  const c = createLayerContext(b);
  const scaled = b.input('hidden', 'float32', [batch, features]);
  const learned = kind === 'learned' || kind === 'products-learned';
  const table = (): Value =>
    learned
      ? b.input('table', 'float32', [words, features])
      : b.constant(float32([words, features], wordTable(options)), 'table');
  const bias = b.input('bias', 'float32', [words]);
  if (kind === 'products-learned' || kind === 'products-fixed') {
    const w = table();
    const z = b.op('Gemm', [scaled, w, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });
    b.output(matmul(b, z, w), 'gradient/hidden');
    if (learned) b.output(b.op('Gemm', [z, scaled], { alpha: 1, beta: 1, transA: 1, transB: 0 }), 'gradient/table');
    return b.build();
  }
  const vectors = (): WordVectors => {
    if (kind !== 'hadamard') return { kind: 'table', table: table() };
    const geometry = geometryOf(parseHead('hadamard'), { classes: words, features, sign: 'signed' });
    return { kind: 'geometry', geometry: defined(geometry, 'geometry') };
  };
  const labels = b.input('labels', 'int32', [batch]);
  b.output(wordLoss(c, { scaled, vectors: vectors(), bias, labels }), 'loss');
  const step = gradients(b.build(), { loss: 'loss', wrt: ['hidden', 'bias', ...(learned ? ['table'] : [])] });
  const complete = createBuilder('words', step.graph);
  for (const [name, value] of step.gradients) complete.output(complete.value(value), `gradient/${name}`);
  return complete.build();
}
