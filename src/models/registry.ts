import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { densenetBc, imagenetDensenet, imagenetDensenetDepths } from './densenet.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { imagenetResnet, imagenetResnetDepths } from './resnet-imagenet.ts';
import { resnet } from './resnet.ts';
import { shufflenet } from './shufflenet-v1.ts';
import { shufflenetV2, shufflenetV2Widths } from './shufflenet-v2.ts';
import { adapter, cnn, mlp } from './small.ts';
import { vit, vitSizes } from './vit.ts';

/** Models for images of about 28 to 64 pixels. */
const smallImageModels = [
  'mlp',
  'cnn',
  'resnet8',
  'resnet20',
  'resnet32',
  'resnet44',
  'resnet56',
  'resnet110',
  'densenet100-bc12',
] as const;

/** Models for images of about 224 pixels, which they shrink 32-fold. */
const shrinkingModels = [
  'resnet18',
  'resnet34',
  'resnet50',
  'resnet101',
  'resnet152',
  'densenet121',
  'densenet169',
  'densenet201',
  'shufflenet',
  'shufflenetv2',
  'mobilenetv2',
] as const;

/** Models for images of about 224 pixels, which they cut into patches of 16×16. */
const patchModels = ['vit-ti16', 'vit-s16', 'vit-b16'] as const;

/** Models for features that another model computed (and, pooled, for images). */
const featureModels = ['adapter'] as const;

/**
 * Names to show. Besides them `resnetN` takes any depth 6n + 2 (the ResNets for small images; `resnet50-cifar` is the one whose name
 * an ImageNet ResNet has), `densenetL-bcK` any depth 6n + 4 and growth rate, `shufflenetv2-x0.5` the other widths of ShuffleNet-V2.
 */
export const modelNames = [...smallImageModels, ...shrinkingModels, ...patchModels, ...featureModels] as const;

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

/** A family of models: what its names look like, and the model of a name. */
interface Family {
  readonly pattern: RegExp;
  readonly create: (found: readonly string[], image: ImageSize, features?: number) => Backbone;
}

const depthOf = <T extends number>(depths: readonly T[], text: string | undefined): T | undefined =>
  depths.find((depth) => String(depth) === text);

/** The first pattern that a name matches decides. */
const families: readonly Family[] = [
  { pattern: /^mlp$/, create: (_, image, features) => mlp(image, features) },
  { pattern: /^adapter$/, create: (_, image, features) => adapter(image, features) },
  { pattern: /^cnn$/, create: (_, image, features) => cnn(image, features) },
  {
    pattern: /^resnet-?(\d+)(-cifar)?$/,
    create: ([, depth, cifar], image, features) => {
      const known = cifar === undefined ? depthOf(imagenetResnetDepths, depth) : undefined;
      return known === undefined ? resnet(Number(depth), image, features) : imagenetResnet(known, image, features);
    },
  },
  {
    pattern: /^densenet-?(\d+)-bc-?(\d+)$/,
    create: ([, depth, growth], image, features) =>
      densenetBc({ depth: Number(depth), growth: Number(growth) }, image, features),
  },
  {
    pattern: /^densenet-?(\d+)$/,
    create: ([text = '', depth], image, features) => {
      const known = depthOf(imagenetDensenetDepths, depth);
      if (known !== undefined) return imagenetDensenet(known, image, features);
      throw usageError(`unknown model ${text}`, {
        legal: [...imagenetDensenetDepths.map((each) => `densenet${each}`), 'densenet100-bc12'],
      });
    },
  },
  { pattern: /^shufflenet(?:-?v1)?$/, create: (_, image, features) => shufflenet(image, features) },
  {
    pattern: /^shufflenet-?v2(?:-x([\d.]+))?$/,
    create: ([text = '', width = '1.0'], image, features) => {
      const known = shufflenetV2Widths.find((each) => Number(each) === Number(width));
      if (known !== undefined) return shufflenetV2(known, image, features);
      throw usageError(`unknown model ${text}`, { legal: shufflenetV2Widths.map((each) => `shufflenetv2-x${each}`) });
    },
  },
  { pattern: /^mobilenet-?v2$/, create: (_, image, features) => mobilenetV2(image, features) },
  {
    pattern: /^vit-?(ti|s|b)16$/,
    create: ([, text], image, features) => vit(vitSizes.find((size) => size === text) ?? 'ti', image, features),
  },
];

/**
 * The backbone of that name for images of that size: one of {@link modelNames}, alone or with an embedding as in `resnet8:features=256`.
 *
 * @throws a usage error naming the nearest model for an unknown name, for a number of features out of range, or for images that the
 * model cannot take.
 */
export function createBackbone(text: string, image: ImageSize): Backbone {
  const { name, features } = parseModelName(text);
  const lower = name.toLowerCase();
  for (const { pattern, create } of families) {
    const found = pattern.exec(lower);
    if (found !== null) return create(found, image, features);
  }
  throw usageError(`unknown model ${name}`, { legal: modelNames, ...nearestOf(name, modelNames) });
}

/**
 * Refuses a name that no images make a model of, before there are any.
 *
 * @throws as {@link createBackbone}, but for what depends on the images.
 */
export function checkModelName(text: string): void {
  // What the adapter needs to know depends on its input.
  if (/^adapter(:|$)/i.test(text)) parseModelName(text);
  else createBackbone(text, { channels: 3, height: 64, width: 64 });
}

/** Images of fewer pixels a side get a map of 1×1 from the models for ImageNet. */
const SHRINKS_BY = 32;

/**
 * What to know about images of that size with that model, for a user to read; `undefined` for nothing. The models for ImageNet shrink
 * images 32-fold before they pool: of 32×32 pixels that leaves 1×1.
 */
export function sizeNote({ name, image }: Pick<Backbone, 'name' | 'image'>): string | undefined {
  const [model = ''] = name.split(':');
  const shrinks = shrinkingModels.some((each) => each === model) || model.startsWith('shufflenetv2-');
  const { height, width } = image;
  if (!shrinks || Math.min(height, width) >= 2 * SHRINKS_BY) return undefined;
  const map = [height, width].map((side) => Math.ceil(side / SHRINKS_BY)).join('×');
  return (
    `${model} is built for images of about 224×224 and shrinks them ${SHRINKS_BY}-fold: of ${height}×${width} pixels its last map has ` +
    `${map}. resnet20 … resnet110 and densenet100-bc12 are built for small images.`
  );
}
