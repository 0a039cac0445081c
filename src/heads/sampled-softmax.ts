import { defined, usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import {
  add,
  cast,
  detach,
  exp,
  gather,
  greater,
  log,
  maximum,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  sub,
} from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { BEYOND, classOfSlot, type ClassScores } from './class-scores.ts';
import type { Geometry, SlotBlock } from './geometry.ts';
import type { OtherClasses } from './streaming-softmax.ts';

/** Graph inputs that are drawn for each step: a pure function of the seed and the step, so that a resumed run draws the same. */
export type StepFeeds = (seed: number, step: number) => Readonly<Record<string, HostTensor>>;

const INPUT = 'sampled_bases';

/** A block of one whole basis: all but the geometry's last one are whole. */
function wholeBasis(geometry: Geometry): SlotBlock {
  const [first, ...rest] = geometry.blocks(1);
  return rest.reduce((largest, block) => (block.count > largest.count ? block : largest), defined(first, 'a basis'));
}

function checkBases(geometry: Geometry, count: number): void {
  const legal = ['auto', 'full', 'streaming'];
  if (geometry.bases < 2) {
    throw usageError('a sampled softmax draws bases, and these class vectors are not several', {
      where: geometry.construction,
      received: `${geometry.classes} classes on ${geometry.features} features`,
      legal,
    });
  }
  if (count >= geometry.bases) {
    throw usageError('a sampled softmax must leave some bases out', {
      where: geometry.construction,
      expected: `1 to ${geometry.bases - 1} bases`,
      received: String(count),
      legal: [`sampled with at most ${geometry.bases - 1} bases`, ...legal],
    });
  }
}

/**
 * Which of `count` from `bases` are drawn for a step, all different (Floyd's algorithm: as many draws as bases, whatever there are).
 */
function drawBases(bases: number, count: number, seed: number, step: number): Int32Array {
  const random = randomStream(seed, 'sampled-bases', step);
  const chosen = new Set<number>();
  for (let top = bases - count; top < bases; top++) {
    const candidate = random.integer(top + 1);
    chosen.add(chosen.has(candidate) ? top : candidate);
  }
  return Int32Array.from(chosen);
}

/**
 * The other classes of a softmax, estimated from the classes on `count` bases that are drawn for each step:
 *
 *     log Σ_{s ≠ t} exp z_s ≈ log( (C − 1)/n · Σ_{s drawn, s ≠ t} exp z_s ),
 *
 * n the number of drawn classes other than t. Over many draws the sum is right to 1 part in the number of classes of a basis, where all
 * bases hold equally many; its logarithm, and so the loss and its gradient, is off by about half the relative variance of the sum
 * (Jensen's inequality), which falls with more bases. An estimate, not the loss; and `largest` is only the largest of the drawn
 * classes, so that more samples look right than are.
 *
 * A class that is the sample's own is taken out of what was drawn.
 */
export function sampledClasses(
  c: LayerContext,
  { geometry, scaled, bias }: ClassScores,
  slots: Value,
  count: number,
): OtherClasses & { readonly feeds: StepFeeds } {
  checkBases(geometry, count);
  const { b } = c;
  const { bases, classes, order } = geometry;
  const [batch = 1] = staticShapeOf(slots);
  const basis = wholeBasis(geometry);
  const size = basis.count;
  const drawn = b.input(INPUT, 'int32', [count]);
  return b.scoped('sample', () => {
    const whole = (value: number): Value => b.constant(int32([], [value]), 'whole');
    const firstSlots = b.op('Mul', [drawn, whole(size)], {});
    // Entry k of D_a·D_o, ±1, for a basis o: the product of entries k of the first vectors of both, times the order. So a drawn
    // basis is basis o on features with other signs.
    const origin = geometry.rowsOf(c, b.constant(int32([1], [basis.first]), 'first_slot'));
    const signs = mul(b, mul(b, geometry.rowsOf(c, firstSlots), origin), order);
    const turned = mul(b, reshape(b, scaled, [batch, 1, geometry.features]), signs);
    const product = basis.product(c, reshape(b, turned, [batch * count, geometry.features]));
    const drawnSlots = reshape(
      b,
      add(
        b,
        reshape(b, firstSlots, [count, 1]),
        b.constant(
          int32(
            [1, size],
            Int32Array.from({ length: size }, (_, k) => k),
          ),
          'within',
        ),
      ),
      [1, count * size],
    );
    const taken = takenSlots(c, geometry, drawn, drawnSlots, size);
    const hit = cast(b, b.op('Equal', [drawnSlots, reshape(b, slots, [batch, 1])], {}), 'float32');
    // 1 for each drawn class that is not the sample's own.
    const counted = taken === undefined ? sub(b, 1, hit) : mul(b, taken, sub(b, 1, hit));
    const offset = bias === undefined ? undefined : biasOf(c, geometry, bias, drawnSlots);
    const plain = reshape(b, product, [batch, count * size]);
    const z = add(b, offset === undefined ? plain : add(b, plain, offset), mul(b, sub(b, counted, 1), BEYOND));
    const largest = detach(b, reduceMax(b, z, [1], { keepdims: true }));
    const sum = reduceSum(b, exp(b, sub(b, z, largest)), [1], { keepdims: true });
    const number = reduceSum(b, counted, [1], { keepdims: true });
    const estimate = mul(
      b,
      sum,
      b.op('Div', [b.constant(float32([], [classes - 1]), 'others'), maximum(b, number, 1)], {}),
    );
    return {
      logSumExp: add(b, largest, log(b, estimate)),
      largest,
      feeds: (seed, step) => ({ [INPUT]: int32([count], drawBases(bases, count, seed, step)) }),
    };
  });
}

/** 1 where a class has the drawn slot, `[1, drawn slots]`; `undefined` where every slot of every basis is taken. */
function takenSlots(
  c: LayerContext,
  geometry: Geometry,
  drawn: Value,
  drawnSlots: Value,
  size: number,
): Value | undefined {
  const { b } = c;
  const { bases, slots, codes } = geometry;
  if (codes !== undefined) {
    const used = new Float32Array(bases * size);
    for (const slot of codes) used[slot] = 1;
    const table = b.constant(float32([bases, size], used), 'used');
    return reshape(b, gather(b, table, drawn, 0), [1, -1]);
  }
  if (bases * size === slots) return undefined;
  return cast(b, greater(b, b.constant(int32([], [slots]), 'slots'), drawnSlots), 'float32');
}

/** The bias of the classes on drawn slots, `[1, drawn slots]`; of some class where no class has the slot. */
function biasOf(c: LayerContext, geometry: Geometry, bias: Value, drawnSlots: Value): Value {
  const { b } = c;
  const inside = b.op('Min', [drawnSlots, b.constant(int32([], [geometry.slots - 1]), 'last_slot')], {});
  const classes = classOfSlot(geometry);
  if (classes === undefined) return gather(b, bias, inside, 0);
  return gather(b, bias, gather(b, b.constant(int32([classes.length], classes), 'class_of_slot'), inside, 0), 0);
}
