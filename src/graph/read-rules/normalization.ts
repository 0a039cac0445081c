import type { normalizationOps } from '../ops/normalization.ts';
import { is, anything, type ReadRules } from './rule.ts';

export const normalizationReadRules: ReadRules<typeof normalizationOps> = {
  // momentum only matters in training mode.
  BatchNormalization: { defaults: () => ({ epsilon: 1e-5 }), assumed: { training_mode: is(0), momentum: anything } },
  LayerNormalization: { defaults: () => ({ axis: -1, epsilon: 1e-5 }), assumed: { stash_type: is(1) } },
  InstanceNormalization: { defaults: () => ({ epsilon: 1e-5 }) },
  LRN: { defaults: () => ({ alpha: 1e-4, beta: 0.75, bias: 1 }) },
  // The ratio and the seed only matter in training mode.
  Dropout: {
    assumed: { seed: anything },
    usualInput: (position, { data }) => position === 1 || (position === 2 && data.every((value) => !value)),
  },
};
