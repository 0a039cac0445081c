import type { Value } from '../graph/builder.ts';
import type { FeatureSign } from './geometry.ts';
import type { LayerContext } from '../nn/layer-context.ts';

/** Size of the images a model takes. */
export interface ImageSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A network without its classifier: images to features. */
export interface Backbone {
  readonly name: string;
  readonly image: ImageSize;
  /** Number of features N. */
  readonly features: number;
  readonly sign: FeatureSign;
  /** Features `[batch, N]` of normalised images `[batch, channels, height, width]`. */
  readonly forward: (c: LayerContext, images: Value) => Value;
}
