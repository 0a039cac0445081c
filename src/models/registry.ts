import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { resnet } from './resnet.ts';
import { cnn, mlp } from './small.ts';

/** Names to show; `resnetN` takes any depth 6n + 2. */
export const modelNames = [
  'mlp',
  'cnn',
  'resnet8',
  'resnet20',
  'resnet32',
  'resnet44',
  'resnet56',
  'resnet110',
] as const;

/** Most features that a model's embedding may have: beyond, its matrix is no longer small. */
const MOST_FEATURES = 65_536;

/** `resnet8:features=256` is ResNet-8 with an embedding of 256 features. */
function parseModelName(text: string): { readonly name: string; readonly features?: number } {
  const [name = '', ...options] = text.split(':');
  const [option] = options;
  if (option === undefined) return { name };
  const features = Number(/^features=(\d+)$/.exec(option)?.[1]);
  if (options.length > 1 || !(features >= 2 && features <= MOST_FEATURES)) {
    throw usageError('a model name takes one option, its number of features', {
      where: `model ${text}`,
      expected: `${name}:features=N with N from 2 to ${MOST_FEATURES}`,
      received: options.join(':'),
    });
  }
  return { name, features };
}

/** The name of a model with that many features: `resnet8:features=256`, or the name alone. */
export function modelNameOf({ model, features }: { readonly model: string; readonly features?: number }): string {
  return features === undefined ? model : `${model}:features=${features}`;
}

/**
 * The backbone of that name for images of that size: one of {@link modelNames}, alone or with an embedding as in `resnet8:features=256`.
 *
 * @throws a usage error naming the nearest model for an unknown name, or for a number of features out of range.
 */
export function createBackbone(text: string, image: ImageSize): Backbone {
  const { name, features } = parseModelName(text);
  const depth = /^resnet-?(\d+)$/i.exec(name)?.[1];
  if (depth !== undefined) return resnet(Number(depth), image, features);
  switch (name) {
    case 'mlp':
      return mlp(image, features);
    case 'cnn':
      return cnn(image, features);
    default:
      throw usageError(`unknown model ${name}`, { legal: modelNames, ...nearestOf(name, modelNames) });
  }
}
