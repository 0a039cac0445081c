import type { imagesOps } from '../ops/images.ts';
import {
  anything,
  convolutionDefaults,
  is,
  plain,
  rankOf,
  spatial,
  windowDefaults,
  type Context,
  type ReadRules,
  type Values,
} from './rule.ts';
import { explicitPads, explicitPoolPads, padding, poolPadding, transposedPads } from './windows.ts';

const coordinates = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Nothing to restate, but the table knows scales or sizes, and no crops of a region. */
const knownResize = ({ stated }: Context): Values | undefined =>
  coordinates.includes(String(stated['coordinate_transformation_mode'])) &&
  isEmpty(stated['scales']) !== isEmpty(stated['sizes'])
    ? {}
    : undefined;

export const imagesReadRules: ReadRules<typeof imagesOps> = {
  Conv: { defaults: convolutionDefaults, assumed: padding, restated: explicitPads },
  ConvTranspose: {
    defaults: (context) => ({ ...convolutionDefaults(context), output_padding: spatial(context, 0) }),
    assumed: { ...padding, output_shape: Array.isArray },
    restated: transposedPads,
  },
  MaxPool: {
    defaults: (context) => ({ ...windowDefaults(context), dilations: spatial(context, 1) }),
    assumed: { ...poolPadding, storage_order: is(0) },
    restated: explicitPoolPads,
  },
  AveragePool: {
    defaults: (context) => ({ ...windowDefaults(context), count_include_pad: 0 }),
    assumed: poolPadding,
    restated: explicitPoolPads,
  },
  GlobalMaxPool: plain,
  GlobalAveragePool: plain,
  Resize: {
    defaults: (context) => ({
      axes: Array.from({ length: rankOf(context) }, (_, axis) => axis),
      mode: 'nearest',
      coordinate_transformation_mode: 'half_pixel',
      nearest_mode: 'round_prefer_floor',
      cubic_coeff_a: -0.75,
      exclude_outside: 0,
    }),
    assumed: { antialias: is(0), extrapolation_value: anything, keep_aspect_ratio_policy: is('stretch') },
    // A region of interest matters to one coordinate transformation only, which is not in the table.
    usualInput: (position) => position === 1,
    restated: knownResize,
  },
};
