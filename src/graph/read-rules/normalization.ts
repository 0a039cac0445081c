import type { normalizationOps } from '../ops/normalization.ts';
import { is, anything, type ReadRules } from './rule.ts';

export const normalizationReadRules: ReadRules<typeof normalizationOps> = {
  // momentum only matters in training mode.
  BatchNormalization: { defaults: () => ({ epsilon: 1e-5 }), assumed: { training_mode: is(0), momentum: anything } },
};
