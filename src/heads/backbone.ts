import type { Value } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { LayerContext, Weights } from '../nn/layer-context.ts';
import type { FeatureSign } from './geometry.ts';
import type { Model } from './model.ts';

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
  /**
   * The graph that users get of a model on this backbone, where that is not made from `forward`: a model that was read from a file keeps that
   * file’s inputs and outputs.
   */
  readonly deployment?: (model: Model, weights: Weights) => Graph;
}
