import { float32 } from '../core/tensor.ts';
import type { Normalization } from '../data/dataset.ts';
import { createBuilder, type Value } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { mul, sub, topK } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import type { Head } from '../heads/head.ts';
import type { Model } from '../heads/model.ts';
import { centred, normalizeRows } from '../heads/unit-features.ts';
import { createLayerContext, type LayerContext, type Weights } from '../nn/layer-context.ts';
import { foldBatchNorm } from './fold-batchnorm.ts';

/** (x − mean)/std per channel of images `[batch, channels, h, w]` in 0 … 1. */
function normalized(b: ReturnType<typeof createBuilder>, images: Value, { mean, std }: Normalization): Value {
  // Features are fed as they are.
  if (mean.every((value) => value === 0) && std.every((value) => value === 1)) return images;
  const perChannel = [1, mean.length, 1, 1];
  return b.scoped('normalize', () => {
    const centred = sub(b, images, b.constant(float32(perChannel, mean), 'mean'));
    return mul(
      b,
      centred,
      b.constant(
        float32(
          perChannel,
          std.map((deviation) => 1 / deviation),
        ),
        'inverse_std',
      ),
    );
  });
}

/**
 * The trained model as a graph of standard operators with any batch size: normalised `images` `[batch, c, h, w]` to `logits`
 * `[batch, classes]`. BatchNorm stays as it is, with running statistics: what a run evaluates itself with.
 */
export function evaluationGraph(model: Model, weights: Weights): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  b.output(model.forward(createLayerContext(b, weights), images), 'logits');
  return checkGraph(b.build(), 'evaluation graph');
}

/**
 * The graph that users get: `images` `[batch, c, h, w]` with pixels in 0 … 1, normalised inside, BatchNorm folded into the
 * convolutions, `logits` `[batch, classes]` out.
 */
export function deploymentGraph(model: Model, weights: Weights, normalization: Normalization): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  b.output(model.forward(createLayerContext(b, weights), normalized(b, images, normalization)), 'logits');
  return checkGraph(foldBatchNorm(b.build()), 'deployment graph');
}

/** {@link deploymentGraph} with its k best classes instead of all logits: `classes` int64 and `logits` `[batch, k]`, largest first. */
export function topClassesGraph(model: Model, weights: Weights, normalization: Normalization, k: number): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  const logits = model.forward(createLayerContext(b, weights), normalized(b, images, normalization));
  const { values, places } = b.scoped('top', () => topK(b, logits, k));
  b.output(places, 'classes');
  b.output(values, 'logits');
  return checkGraph(foldBatchNorm(b.build()), 'graph of the best classes');
}

/**
 * {@link deploymentGraph} without its head: `images` `[batch, c, h, w]` with pixels in 0 … 1 to `features` `[batch, N]` as the head
 * takes them, before it centres or scales them.
 */
export function backboneGraph(model: Model, weights: Weights, normalization: Normalization): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  b.output(model.backbone.forward(createLayerContext(b, weights), normalized(b, images, normalization)), 'features');
  return checkGraph(foldBatchNorm(b.build()), 'backbone graph');
}

/**
 * The features as a head sees them: the backbone's output, centred where the head centres it, divided by its norm. A learned head
 * sees the norm as well; it is divided out here for it too, so that features of all heads are compared by their cosines.
 */
function unitFeatures(c: LayerContext, { backbone, head }: Model, images: Value): Value {
  const features = backbone.forward(c, images);
  // In the head's layer, where the statistics of the centring have their names.
  return c.layer('head', () => normalizeRows(c, head.centred ? centred(c, features) : features));
}

/**
 * The trained model without its classifier, any batch size: normalised `images` `[batch, c, h, w]` to `features` `[batch, N]` as the
 * head sees them, rows of Euclidean norm 1, so that the product of two rows is their cosine.
 */
export function featuresGraph(model: Model, weights: Weights): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  b.output(unitFeatures(createLayerContext(b, weights), model, images), 'features');
  return checkGraph(b.build(), 'features graph');
}

/**
 * What users get of a model that was trained to tell images apart: `images` `[batch, c, h, w]` with pixels in 0 … 1, normalised
 * inside, BatchNorm folded into the convolutions, `features` `[batch, N]` of norm 1 out.
 */
export function embeddingGraph(model: Model, weights: Weights, normalization: Normalization): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  const features = unitFeatures(createLayerContext(b, weights), model, normalized(b, images, normalization));
  b.output(features, 'features');
  return checkGraph(foldBatchNorm(b.build()), 'embedding graph');
}

/** The classifier alone: `features` `[batch, N]` to `logits` `[batch, classes]`. What its cost is measured on. */
export function classifierGraph(head: Head, weights: Weights): Graph {
  const b = createBuilder(head.name);
  const features = b.input('features', 'float32', ['batch', head.features]);
  b.output(head.logits(createLayerContext(b, weights), features), 'logits');
  return checkGraph(b.build(), 'classifier graph');
}
