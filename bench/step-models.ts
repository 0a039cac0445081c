import { usageError } from '../src/core/errors.ts';
import { createModel, headSpec } from '../src/heads/index.ts';
import type { Model } from '../src/heads/model.ts';
import { createBackbone } from '../src/models/index.ts';

/** A network that the peers have too, and how it is usually trained. */
export interface StepModel {
  readonly name: string;
  readonly batch: number;
  /** Height and width of the images, which have 3 channels. */
  readonly image: number;
  readonly classes: number;
  /** Counted steps: as many as fit into a few minutes. */
  readonly steps: number;
  /** Whether the portable lowering is timed too, which takes long where convolutions are large. */
  readonly portable: boolean;
}

const cifar = { batch: 128, image: 32, classes: 10, steps: 15, portable: true } as const;
const imagenet = { batch: 16, image: 224, classes: 1000, steps: 9, portable: false } as const;

export const stepModels: readonly StepModel[] = [
  { name: 'resnet20', ...cifar },
  { name: 'resnet56', ...cifar },
  { name: 'densenet100-bc12', ...cifar, batch: 64, steps: 9, portable: false },
  { name: 'resnet50', ...imagenet },
  { name: 'mobilenetv2', ...imagenet },
];

/** What the peers know of: the models above, and any other ResNet for CIFAR. */
export function stepModel(name: string): StepModel {
  const known = stepModels.find((model) => model.name === name);
  if (known !== undefined) return known;
  const depth = Number(/^resnet(\d+)$/.exec(name)?.[1]);
  if ((depth - 2) % 6 === 0 && ![18, 34, 50, 101, 152].includes(depth)) return { name, ...cifar };
  throw usageError('the peers do not know this model', {
    received: name,
    legal: stepModels.map((model) => model.name),
  });
}

export function modelFor({ name, image, classes }: Pick<StepModel, 'name' | 'image' | 'classes'>): Model {
  return createModel(createBackbone(name, { channels: 3, height: image, width: image }), headSpec('learned'), classes);
}
