import { z } from 'zod';
import type { HeadDescription } from '../../src/wasm/index.ts';

export const wasmOptions = z.object({
  features: z.int().positive(),
  classes: z.int().positive(),
  batch: z.int().positive(),
  result: z.enum(['logits', 'top5']),
});

export type WasmOptions = z.infer<typeof wasmOptions>;

/** The class vectors that a `hadamard` head has at N = 2^m features, with a bias and a scale as it has. */
export function describe({ features, classes }: Pick<WasmOptions, 'features' | 'classes'>): HeadDescription {
  const even = Math.log2(features) % 2 === 0;
  const bases = even ? features / 2 : features;
  return {
    kind: 'hadamard',
    features,
    classes,
    scale: Math.sqrt(features),
    bias: new Float32Array(classes),
    ...(classes < features ? { firstRow: 1 } : {}),
    ...(classes > features ? { diagonals: even ? 'kerdock' : 'gold', antipodal: classes > bases * features } : {}),
  };
}
