import type { providerOps } from '../ops/provider.ts';
import {
  convolutionDefaults,
  explicitPadding,
  is,
  plain,
  pool,
  spatial,
  windowDefaults,
  type ReadRules,
} from './rule.ts';

export const providerReadRules: ReadRules<typeof providerOps> = {
  FusedMatMul: {
    defaults: () => ({ alpha: 1, transA: 0, transB: 0 }),
    assumed: { transBatchA: is(0), transBatchB: is(0) },
  },
  'nchwc.ReorderInput': { defaults: () => ({ channels_last: 0 }) },
  'nchwc.ReorderOutput': { defaults: () => ({ channels_last: 0 }) },
  'nchwc.Conv': {
    defaults: (context) => ({ ...convolutionDefaults(context), activation: '', activation_params: [] }),
    assumed: explicitPadding,
  },
  'nchwc.MaxPool': {
    defaults: (context) => ({ ...windowDefaults(context), dilations: spatial(context, 1) }),
    assumed: { ...pool, storage_order: is(0) },
  },
  'nchwc.GlobalAveragePool': plain,
};
