import type { Value } from '../graph/builder.ts';
import { createBuilder } from '../graph/builder.ts';
import type { ClassVectors } from './geometry.ts';
import { createHead, type Head } from './head.ts';
import type { HeadSpec } from './spec.ts';
import { createLayerContext, type LayerContext, type ModelTensors } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from './backbone.ts';

/** A backbone with a classifier: what is trained, evaluated and exported. */
export interface Model {
  /** The backbone's name. */
  readonly name: string;
  readonly image: ImageSize;
  readonly backbone: Backbone;
  readonly head: Head;
  /** Logits `[batch, classes]` of normalised images `[batch, channels, height, width]`. */
  readonly forward: (c: LayerContext, images: Value) => Value;
}

/**
 * A backbone with a head for that many classes.
 *
 * @param vectors the class vectors of a custom head
 * @throws a usage error where the head has no room for the classes; an input error for custom vectors that cannot be told apart.
 */
export function createModel(backbone: Backbone, head: HeadSpec, classes: number, vectors?: ClassVectors): Model {
  const { features, sign } = backbone;
  return modelOn(
    backbone,
    createHead(head, { classes, features, sign, ...(vectors === undefined ? {} : { vectors }) }),
  );
}

/** A backbone with a head that was made for its features. */
export function modelOn(backbone: Backbone, head: Head): Model {
  const { name, image } = backbone;
  return Object.freeze({
    name,
    image,
    backbone,
    head,
    forward: (c: LayerContext, images: Value) => head.logits(c, backbone.forward(c, images)),
  });
}

/** The model's parameters, buffers and fixed tensors, in the order in which the forward pass meets them. */
export function modelTensors(model: Model): ModelTensors {
  const { channels, height, width } = model.image;
  const c = createLayerContext(createBuilder(model.name));
  model.forward(c, c.b.input('images', 'float32', [2, channels, height, width]));
  return c.tensors();
}

/** Counts of numbers, not bytes. Running statistics are not parameters (as in PyTorch). */
export interface ParameterCounts {
  /** Everything, fixed matrices included. */
  readonly total: number;
  /** What the optimiser updates. */
  readonly trainable: number;
  /** Everything in the classifier, a fixed matrix included. */
  readonly classifier: number;
  readonly classifierTrainable: number;
}

/** Counts the tensors of a model (`modelTensors`); those named `head.…` are the classifier’s. */
export function countParameters({ parameters, fixed }: ModelTensors): ParameterCounts {
  const sum = (list: readonly { readonly name: string; readonly shape: readonly number[] }[], prefix: string): number =>
    list
      .filter(({ name }) => name.startsWith(prefix))
      .reduce((total, { shape }) => total + shape.reduce((product, dim) => product * dim, 1), 0);
  return Object.freeze({
    total: sum(parameters, '') + sum(fixed, ''),
    trainable: sum(parameters, ''),
    classifier: sum(parameters, 'head.') + sum(fixed, 'head.'),
    classifierTrainable: sum(parameters, 'head.'),
  });
}
