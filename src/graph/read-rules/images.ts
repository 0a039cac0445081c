import type { imagesOps } from '../ops/images.ts';
import {
  is,
  ones,
  plain,
  spatial,
  windowDefaults,
  explicitPadding,
  pool,
  convolutionDefaults,
  type ReadRules,
} from './rule.ts';

export const imagesReadRules: ReadRules<typeof imagesOps> = {
  Conv: { defaults: convolutionDefaults, assumed: explicitPadding },
  ConvTranspose: {
    defaults: (context) => ({ ...convolutionDefaults(context), output_padding: spatial(context, 0) }),
    assumed: explicitPadding,
  },
  MaxPool: { defaults: windowDefaults, assumed: { ...pool, dilations: ones, storage_order: is(0) } },
  AveragePool: { defaults: (context) => ({ ...windowDefaults(context), count_include_pad: 0 }), assumed: pool },
  GlobalAveragePool: plain,
};
