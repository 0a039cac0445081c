import { nearestOf, usageError } from '../core/errors.ts';
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

/**
 * The backbone of that name for images of that size.
 *
 * @throws a usage error naming the nearest model for an unknown name.
 */
export function createBackbone(name: string, image: ImageSize): Backbone {
  const depth = /^resnet-?(\d+)$/i.exec(name)?.[1];
  if (depth !== undefined) return resnet(Number(depth), image);
  switch (name) {
    case 'mlp':
      return mlp(image);
    case 'cnn':
      return cnn(image);
    default:
      throw usageError(`unknown model ${name}`, { legal: modelNames, ...nearestOf(name, modelNames) });
  }
}
