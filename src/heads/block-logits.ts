import { defined } from '../core/errors.ts';
import { float32, int32 } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { add, cast, detach, gather, maximum, minimum, mul, reshape, slice } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { BEYOND, classOfSlot, type ClassScores } from './class-scores.ts';
import type { Geometry, SlotBlock } from './geometry.ts';

/**
 * About how many logits a block holds, 2 MB: what was fastest on a CPU, as a block then stays in its cache from the product to the
 * transposed product.
 */
const BLOCK_LOGITS = 2 ** 19;

/** Beyond 2²⁶ logits a batch, blocks become larger instead of more: a runtime's time to load a graph grows faster than its nodes. */
const MOST_BLOCKS = 128;

/**
 * A chunk of rows has that many logits where the vectors are stored, as a product of few rows takes longer a row: 16 MB. Rows are not
 * chunked to fewer than these.
 */
const STORED_LOGITS = 2 ** 22;
const FEWEST_STORED_ROWS = 64;
const FEWEST_ROWS = 4;

/**
 * How many samples to take at a time with all their logits; `undefined` where there are too many classes for that, so that
 * blocks of classes have to do.
 *
 * All logits of a sample at once give its log-sum-exp at once, so its weights count towards the bias in the same pass. Measured on
 * a CPU with 16,000 and 33,000 words: with a bias half to two thirds of the time of blocks of classes, without one four fifths.
 */
export function rowsAtOnce(geometry: Geometry, batch: number): number | undefined {
  const isStored = geometry.fixedParameters > 0;
  const rows = Math.floor((isStored ? STORED_LOGITS : BLOCK_LOGITS) / geometry.slots);
  if (rows < Math.min(batch, isStored ? FEWEST_STORED_ROWS : FEWEST_ROWS)) return undefined;
  return geometry.blocks(geometry.slots).length === 1 ? rows : undefined;
}

const int = (b: Builder, value: number): Value => b.constant(int32([], [value]), 'whole');

/** The blocks of a batch. */
export function blocksFor(geometry: Geometry, batch: number): readonly SlotBlock[] {
  return geometry.blocks(Math.max(1, Math.floor(BLOCK_LOGITS / batch), Math.ceil(geometry.slots / MOST_BLOCKS)));
}

/** How to take each sample's own class out of a block's logits. */
function removerOf(b: Builder, slots: Value, blocks: readonly SlotBlock[]): (z: Value, index: number) => Value {
  const [batch = 1] = staticShapeOf(slots);
  const row = (values: readonly number[]): Value =>
    b.constant(int32([1, values.length], Int32Array.from(values)), 'blocks');
  const within = b.op('Sub', [reshape(b, slots, [batch, 1]), row(blocks.map(({ first }) => first))], {});
  const place = maximum(b, minimum(b, within, row(blocks.map(({ count }) => count - 1))), int(b, 0));
  // −BEYOND at the own class where the block has it; elsewhere some entry of the block is changed by nothing.
  const change = mul(b, cast(b, b.op('Equal', [within, place], {}), 'float32'), -BEYOND);
  return (z, index) =>
    b.op('ScatterElements', [z, slice(b, place, 1, index, index + 1), slice(b, change, 1, index, index + 1)], {
      axis: 1,
      reduction: 'add',
    });
}

/** The part of the bias `[C]` that belongs to a block, `[count]`, without a gradient. */
function biasPart(b: Builder, bias: Value, classes: Int32Array | undefined, { first, count }: SlotBlock): Value {
  if (classes === undefined) return slice(b, bias, 0, first, first + count);
  return gather(b, bias, b.constant(int32([count], classes.slice(first, first + count)), 'class_of_slot'), 0);
}

/** What is added to a block's inner products, for each block: the bias, and −BEYOND for slots without a class. */
export function offsetsOf({ b }: LayerContext, { geometry, bias }: ClassScores, blocks: readonly SlotBlock[]) {
  const fixedBias = bias === undefined ? undefined : detach(b, bias);
  const classes = classOfSlot(geometry);
  return blocks.map((block): Value | undefined => {
    const { used, count } = block;
    const own = fixedBias === undefined ? undefined : biasPart(b, fixedBias, classes, block);
    if (used === undefined) return own;
    const unused = b.constant(
      float32(
        [count],
        used.map((taken) => (taken - 1) * BEYOND),
      ),
      'unused',
    );
    return own === undefined ? unused : add(b, own, unused);
  });
}

/** A pass over the blocks: the logits of a block, those of own classes and of slots without a class at −BEYOND. */
export function otherLogits(
  c: LayerContext,
  slots: Value,
  blocks: readonly SlotBlock[],
  offsets: readonly (Value | undefined)[],
): (y: Value, index: number) => Value {
  const { b } = c;
  const remove = removerOf(b, slots, blocks);
  return (y, index) => {
    const z = defined(blocks[index], 'block').product(c, y);
    const offset = offsets[index];
    return remove(offset === undefined ? z : add(b, z, offset), index);
  };
}
