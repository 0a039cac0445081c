import { mul, reshape } from '../graph/functions.ts';
import type { Value } from '../graph/builder.ts';
import type { Graph, OpNode } from '../graph/graph.ts';
import { AGAIN, type Activation, type BlockedPass } from './blocked-values.ts';

/** The largest slope that keeps 0 at 0: HardSigmoid(y) = min(1, max(0, slope·y)) is exactly 1 for every normal y > 0. */
const STEEP = 3e38;

/**
 * Slope of the masks y > low and y < high at other bounds. Times a power of two is exact, so slope·y − slope·low has the sign of
 * y − low, and at least 2⁻²⁴·slope times the bound where they differ.
 */
const SLOPE = 2 ** 100;
const SMALLEST_BOUND = 2 ** -60;
const LARGEST_BOUND = 2 ** 26;

const fits = (bound: number): boolean =>
  bound === 0 || (Math.abs(bound) >= SMALLEST_BOUND && Math.abs(bound) <= LARGEST_BOUND);

/** 1 where y > low, else 0. One HardSigmoid: faster than a comparison with a cast, a Sign or a Where. */
const above = ({ builder: b }: BlockedPass, y: Value, low: number): Value =>
  low === 0
    ? b.op('HardSigmoid', [y], { alpha: STEEP, beta: 0 })
    : b.op('HardSigmoid', [y], { alpha: SLOPE, beta: -SLOPE * low });

/** 1 where y < high, else 0. */
const below = ({ builder: b }: BlockedPass, y: Value, high: number): Value =>
  high === 0
    ? b.op('HardSigmoid', [y], { alpha: -STEEP, beta: 0 })
    : b.op('HardSigmoid', [y], { alpha: -SLOPE, beta: SLOPE * high });

/** gx = gy times masks of y. */
function masked(
  pass: BlockedPass,
  [gy, y, gx]: readonly [string, string, string],
  masksOf: (y: Value) => readonly Value[],
): boolean {
  const { builder: b, block } = pass;
  const extents = pass.blockable(gx);
  if (extents === undefined || !(pass.isBlocked(gy) || pass.isBlocked(y))) return false;
  const masks = masksOf(pass.again(y));
  const [first, ...others] = masks;
  if (first === undefined) {
    pass.define(gx, 'blocked', pass.blocked(gy));
    return true;
  }
  const same = pass.form(gy, 'uniform');
  if (same === undefined) {
    pass.define(
      gx,
      'blocked',
      masks.reduce((product, mask) => mul(b, product, mask), pass.blocked(gy)),
    );
    return true;
  }
  const [batch, channels, height, width] = extents;
  const mask = others.reduce((product, other) => mul(b, product, other), first);
  const pixels = reshape(b, mask, [batch, channels / block, height * width, block]);
  const product = mul(b, pixels, reshape(b, same, [batch, channels / block, 1, block]));
  pass.define(gx, 'blocked', reshape(b, product, [batch, channels, height, width]));
  return true;
}

/** gx = gy where y > 0, else 0. */
export function reluGradient(pass: BlockedPass, node: OpNode<'ReluGrad'>): boolean {
  const [gy = '', y = ''] = node.inputs;
  const [gx = ''] = node.outputs;
  return masked(pass, [gy, y, gx], (value) => [above(pass, value, 0)]);
}

/** A bound of Clip as a number: −∞ or ∞ where it is absent, `undefined` where the graph computes it. */
function boundOf(graph: Graph, name: string | undefined, absent: number): number | undefined {
  if (name === undefined || name === '') return absent;
  const value = graph.initializers.get(name);
  return value?.dtype === 'float32' && value.data.length === 1 ? value.data[0] : undefined;
}

/** In the pass that computes x, where nobody else reads x. */
export function clip(graph: Graph, pass: BlockedPass, node: OpNode<'Clip'>): boolean {
  const [x = '', min = '', max = ''] = node.inputs;
  const [y = ''] = node.outputs;
  if (!pass.isBlocked(x)) return false;
  const [low, high] = [boundOf(graph, min, -Infinity), boundOf(graph, max, Infinity)];
  const through = pass.form(x, 'through');
  if (through !== undefined && pass.hasOneReader(x) && low !== undefined && high !== undefined && low <= high) {
    const activation: Activation = { kind: 'clip', low: finite(low), high: finite(high) };
    pass.define(y, 'blocked', through(activation));
    pass.define(y, 'remake', () => through(activation, AGAIN));
    return true;
  }
  const bound = (name: string): Value | undefined => (name === '' ? undefined : pass.plain(name));
  pass.define(y, 'blocked', pass.builder.op('Clip', [pass.blocked(x), bound(min), bound(max)], {}));
  return true;
}

const LARGEST = 3.4028234663852886e38;
const finite = (bound: number): number => Math.max(-LARGEST, Math.min(LARGEST, bound));

/** gx = gy where low < y < high, else 0. */
export function clipGradient(graph: Graph, pass: BlockedPass, node: OpNode<'ClipGrad'>): boolean {
  const [gy = '', y = '', min, max] = node.inputs;
  const [gx = ''] = node.outputs;
  const [low, high] = [boundOf(graph, min, -Infinity), boundOf(graph, max, Infinity)];
  if (low === undefined || high === undefined || ![low, high].every((bound) => !Number.isFinite(bound) || fits(bound)))
    return false;
  return masked(pass, [gy, y, gx], (value) => [
    ...(low === -Infinity ? [] : [above(pass, value, low)]),
    ...(high === Infinity ? [] : [below(pass, value, high)]),
  ]);
}
