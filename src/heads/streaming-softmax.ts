import { defined } from '../core/errors.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import {
  add,
  cast,
  concat,
  detach,
  div,
  exp,
  gather,
  log,
  maximum,
  minimum,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  softmax,
  sub,
} from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { BEYOND, classOfSlot, rowProducts, type ClassScores } from './class-scores.ts';
import type { Geometry, SlotBlock } from './geometry.ts';

/** What one pass over all classes tells of the classes that a sample does not belong to. Shapes `[batch, 1]`. */
export interface OtherClasses {
  /** ℓ = log Σ_{s ≠ t} exp z_s, with its gradient to the scaled features (not to the bias: see `biasTerm`). */
  readonly logSumExp: Value;
  /** max_{s ≠ t} z_s; no gradient. */
  readonly largest: Value;
}

/**
 * About how many logits a block holds, 2 MB: what was fastest on a CPU, as a block then stays in its cache from the product to the
 * transposed product.
 */
const BLOCK_LOGITS = 2 ** 19;

/** Beyond 2²⁶ logits a batch, blocks become larger instead of more: a runtime's time to load a graph grows faster than its nodes. */
const MOST_BLOCKS = 128;

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

/** A pass over the blocks: the logits of a block, those of own classes and of slots without a class at −BEYOND. */
function otherLogits(
  c: LayerContext,
  { geometry, bias }: ClassScores,
  slots: Value,
  blocks: readonly SlotBlock[],
): (y: Value, index: number) => Value {
  const { b } = c;
  const remove = removerOf(b, slots, blocks);
  const fixedBias = bias === undefined ? undefined : detach(b, bias);
  const classes = classOfSlot(geometry);
  const offsets = blocks.map((block) => {
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
  return (y, index) => {
    const z = defined(blocks[index], 'block').product(c, y);
    const offset = offsets[index];
    return remove(offset === undefined ? z : add(b, z, offset), index);
  };
}

/** `[batch, N + 2]`: a mean of class vectors, weighted by softmax; the log of the weights' sum; the largest logit. */
interface Summary {
  readonly mean: Value;
  readonly logSum: Value;
  readonly largest: Value;
}

function unpacked(b: Builder, packed: Value, features: number): Summary {
  return {
    mean: slice(b, packed, 1, 0, features),
    logSum: slice(b, packed, 1, features, features + 1),
    largest: slice(b, packed, 1, features + 1, features + 2),
  };
}

/** One value, so that the runtime finishes a block before anything small that depends on it is used for another one. */
const packed = (b: Builder, { mean, logSum, largest }: Summary): Value => concat(b, [mean, logSum, largest], 1);

/** Of a block's logits: m = Σ softmax(z)_s·q_s, log Σ exp z_s = max z − log max softmax(z), and max z. */
function summary(c: LayerContext, block: SlotBlock, z: Value): Summary {
  const { b } = c;
  const weights = softmax(b, z);
  const largest = reduceMax(b, z, [1], { keepdims: true });
  return {
    mean: block.transposed(c, weights),
    logSum: sub(b, largest, log(b, reduceMax(b, weights, [1], { keepdims: true }))),
    largest,
  };
}

function merged(b: Builder, one: Summary, two: Summary): Summary {
  const shift = maximum(b, one.logSum, two.logSum);
  const [first, second] = [exp(b, sub(b, one.logSum, shift)), exp(b, sub(b, two.logSum, shift))];
  const sum = add(b, first, second);
  return {
    mean: add(b, mul(b, one.mean, div(b, first, sum)), mul(b, two.mean, div(b, second, sum))),
    logSum: add(b, shift, log(b, sum)),
    largest: maximum(b, one.largest, two.largest),
  };
}

/**
 * One pass over all classes, block by block, that keeps no logits: value and derivative together.
 *
 * The gradient of ℓ = log Σ exp⟨q_s, y⟩ to y is m = Σ softmax(z)_s·q_s, and both ℓ and m are sums over classes. So each block adds its
 * part of either, and ℓ + ⟨m, y − y⟩ with constants ℓ and m has the value and the gradient. Nothing is computed again, and at no time
 * are there more logits than a block's: memory does not depend on C. Blocks are merged by their own log-sum-exps, so any finite
 * logits are right, however large α and b become.
 */
export function otherClasses(c: LayerContext, scores: ClassScores, slots: Value): OtherClasses {
  const { b } = c;
  const { geometry, scaled } = scores;
  return b.scoped('stream', () => {
    const fixed = detach(b, scaled);
    const [batch = 1] = staticShapeOf(scaled);
    const blocks = blocksFor(geometry, batch);
    const logits = otherLogits(c, scores, slots, blocks);
    const { features } = geometry;
    const total = blocks.reduce<Value | undefined>((sum, block, index) => {
      const next = packed(b, summary(c, block, logits(fixed, index)));
      // The sum so far comes last: the runtime goes for the last operand first, so it takes the blocks one after the other.
      return sum === undefined ? next : packed(b, merged(b, unpacked(b, next, features), unpacked(b, sum, features)));
    }, undefined);
    const { mean, logSum, largest } = unpacked(b, defined(total, 'a block'), features);
    return { logSumExp: add(b, logSum, rowProducts(b, mean, sub(b, scaled, fixed))), largest };
  });
}

/**
 * A term whose value is 0 and whose gradient to the bias is what the other classes add to it: (1/batch)·Σ exp(z_s − ℓ) for each class s.
 *
 * It takes a second pass, since a class's gradient needs every sample's finished ℓ `[batch, 1]` (over all classes, the own one
 * included). The pass reads y + 0·ℓ: so it cannot start before the first one has ended, and the runtime cannot merge it with
 * the first one, which would keep all logits in memory.
 */
export function biasTerm(c: LayerContext, scores: ClassScores, bias: Value, slots: Value, logSumExp: Value): Value {
  const { b } = c;
  const { geometry, scaled } = scores;
  return b.scoped('bias', () => {
    const total = detach(b, logSumExp);
    const fixed = add(b, detach(b, scaled), mul(b, total, 0));
    const [batch = 1] = staticShapeOf(scaled);
    const blocks = blocksFor(geometry, batch);
    const logits = otherLogits(c, scores, slots, blocks);
    const parts = blocks.map((_, index) => reduceMean(b, exp(b, sub(b, logits(fixed, index), total)), [0]));
    const perSlot = concat(b, parts, 0);
    const perClass = placeOfClass(geometry, blocks);
    const share = perClass === undefined ? perSlot : gather(b, perSlot, b.constant(perClass, 'place_of_class'), 0);
    return reduceSum(b, mul(b, share, sub(b, bias, detach(b, bias))), [0]);
  });
}

/** Where each class stands among the slots of the blocks one after the other; `undefined` where class i stands at i. */
function placeOfClass({ codes }: Geometry, blocks: readonly SlotBlock[]): HostTensor | undefined {
  if (codes === undefined) return undefined;
  const starts = blocks.map(({ count }, index) => ({ count, first: blocks[index]?.first ?? 0, start: 0 }));
  let start = 0;
  for (const block of starts) {
    block.start = start;
    start += block.count;
  }
  const end = blocks.reduce((most, { first, count }) => Math.max(most, first + count), 0);
  const place = new Int32Array(end);
  for (const block of starts) for (let k = 0; k < block.count; k++) place[block.first + k] = block.start + k;
  return int32(
    [codes.length],
    Int32Array.from(codes, (slot) => place[slot] ?? 0),
  );
}

/** Σ_c q_c over all classes, `[1, N]`: of constants, so the runtime computes it once, when it loads the graph. */
function sumOfVectors(c: LayerContext, geometry: Geometry, batch: number): Value {
  const { b } = c;
  const parts = blocksFor(geometry, batch).map((block) => {
    const weights = block.used ?? new Float32Array(block.count).fill(1);
    return block.transposed(c, b.constant(float32([1, block.count], weights), 'used'));
  });
  return parts.reduce((sum, part) => add(b, sum, part));
}

/** Σ_c z_c over all classes, `[batch, 1]`: what label smoothing needs, without the logits. */
export function sumOfLogits(c: LayerContext, { geometry, scaled, bias }: ClassScores): Value {
  const { b } = c;
  return b.scoped('sum', () => {
    const [batch = 1] = staticShapeOf(scaled);
    const fixed = rowProducts(b, scaled, sumOfVectors(c, geometry, batch));
    return bias === undefined ? fixed : add(b, fixed, reduceSum(b, bias, [0]));
  });
}
