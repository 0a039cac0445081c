import { internalError, usageError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { add, gelu, pad, reshape, slice, transpose } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { layerNorm, selfAttention, tokenLinear, tokenProduct, transformerInitial } from '../nn/tokens.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { chain, indices } from './chain.ts';
import { embeddedBackbone } from './embedding.ts';

/** The shape of a vision transformer. */
export interface VitArchitecture {
  readonly name: string;
  /** Side of the square patches, in pixels. */
  readonly patch: number;
  /** Entries of a token: the number of features. */
  readonly width: number;
  /** Blocks of attention and multilayer perceptron. */
  readonly depth: number;
  readonly heads: number;
  /** Hidden units of the perceptrons (default 4·width). */
  readonly hidden?: number;
}

/**
 * Patches of images `[batch, c, h, w]` as tokens `[batch, patches, width]`: a convolution of stride `patch`, written as a product. The
 * filter has the convolution's shape `[width, c, patch, patch]`.
 */
function patchTokens(c: LayerContext, images: Value, image: ImageSize, { patch, width }: VitArchitecture): Value {
  const { b } = c;
  const [rows, columns] = [image.height / patch, image.width / patch];
  const pixels = image.channels * patch * patch;
  const grid = reshape(b, images, [0, image.channels, rows, patch, columns, patch]);
  const patches = reshape(b, transpose(b, grid, [0, 2, 4, 1, 3, 5]), [0, rows * columns, pixels]);
  return c.layer('conv_proj', () => {
    const shape = [width, image.channels, patch, patch];
    const initial = { kind: 'normal', deviation: 1 / Math.sqrt(pixels) } as const;
    const weight = reshape(b, c.parameter('weight', shape, initial, { decay: true }), [width, pixels]);
    const bias = c.parameter('bias', [width], { kind: 'constant', value: 0 }, { decay: false });
    return tokenProduct(c, patches, weight, bias, { tokens: rows * columns, width: pixels, out: width });
  });
}

/**
 * The tokens with the class token in front and the position embeddings added. The class token is added to a row of zeros: so the batch
 * need not be known.
 */
function withPositions(c: LayerContext, tokens: Value, classToken: Value, count: number, width: number): Value {
  const { b } = c;
  const positions = c.layer('encoder', () =>
    c.parameter('pos_embedding', [1, count + 1, width], transformerInitial, { decay: false }),
  );
  const table = add(b, positions, pad(b, classToken, [0, 0, 0, 0, count, 0]));
  return add(b, pad(b, tokens, [0, 1, 0, 0, 0, 0]), table);
}

/** x + attention(norm x), then x + mlp(norm x): normalisation before each branch. */
function block(c: LayerContext, x: Value, { width, heads, hidden = 4 * width }: VitArchitecture): Value {
  const attended = add(c.b, x, selfAttention(c, 'self_attention', layerNorm(c, 'ln_1', x), heads));
  const normalized = layerNorm(c, 'ln_2', attended);
  const residual = c.layer('mlp', () => {
    const wide = gelu(
      c.b,
      c.layer('0', () => tokenLinear(c, normalized, hidden)),
    );
    return c.layer('3', () => tokenLinear(c, wide, width));
  });
  return add(c.b, attended, residual);
}

/**
 * A vision transformer (Dosovitskiy et al. 2021): patches as tokens, a class token, learned position embeddings, blocks that normalise
 * before each branch, GELU, layer normalisation with ε = 1e-6. Its features are the class token behind the last normalisation,
 * `width` numbers of either sign. With `features` an embedding of them gives that many instead. No dropout. Layers are named as
 * torchvision names them.
 *
 * @throws a usage error for images that patches do not tile.
 */
export function visionTransformer(architecture: VitArchitecture, image: ImageSize, features?: number): Backbone {
  const { name, patch, width, depth, heads } = architecture;
  if (image.height % patch !== 0 || image.width % patch !== 0) {
    throw usageError(`model ${name} cuts images into patches of ${patch}×${patch} pixels`, {
      expected: `height and width that are multiples of ${patch}`,
      received: `${image.height}×${image.width}`,
      hint: `make the images ${[image.height, image.width].map((side) => Math.max(1, Math.round(side / patch)) * patch).join('×')}`,
    });
  }
  if (width % heads !== 0) throw internalError(`width ${width} does not make ${heads} heads`, { where: name });
  const count = (image.height / patch) * (image.width / patch);
  const forward = (c: LayerContext, images: Value): Value => {
    const classToken = c.parameter('class_token', [1, 1, width], { kind: 'constant', value: 0 }, { decay: false });
    const tokens = withPositions(c, patchTokens(c, images, image, architecture), classToken, count, width);
    return c.layer('encoder', () => {
      const last = c.layer('layers', () =>
        chain(c, tokens, indices(depth), { prefix: 'encoder_layer_' }, (x) => block(c, x, architecture)),
      );
      // The other tokens have done their work.
      return reshape(c.b, layerNorm(c, 'ln', slice(c.b, last, 1, 0, 1)), [0, width]);
    });
  };
  if (features !== undefined) return embeddedBackbone({ name, image, map: forward }, features);
  return Object.freeze({ name, image, features: width, sign: 'signed', forward });
}

/** The published sizes with patches of 16×16 pixels and 12 blocks: "Ti" and "S" of Touvron et al. 2021, "B" of Dosovitskiy et al. 2021. */
const sizes = {
  ti: { width: 192, heads: 3 },
  s: { width: 384, heads: 6 },
  b: { width: 768, heads: 12 },
} as const;

/** The sizes of {@link vit}. */
export type VitSize = keyof typeof sizes;

/** The sizes of {@link vit}, smallest first. */
export const vitSizes = ['ti', 's', 'b'] as const satisfies readonly VitSize[];

/** {@link visionTransformer} of a published size: `vit-ti16` (192 features), `vit-s16` (384) or `vit-b16` (768). */
export function vit(size: VitSize, image: ImageSize, features?: number): Backbone {
  return visionTransformer({ name: `vit-${size}16`, patch: 16, depth: 12, ...sizes[size] }, image, features);
}
