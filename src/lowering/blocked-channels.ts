import { defined } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { concat, expand, reshape } from '../graph/functions.ts';
import type { Graph, OpNode } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { isDepthwise } from './blocked-depthwise.ts';
import {
  filled,
  isIdentity,
  placesIn,
  shapeIn,
  startAlignment,
  type Alignment,
  type ChannelMap,
} from './channel-alignment.ts';
import { copyNode } from './pass.ts';
import { range } from './window.ts';

/**
 * Gives images whose channels are no multiple of the block channels of zeros up to the next one, wherever a convolution makes
 * them, so that the blocked lowering takes their nodes too: a DenseNet with growth rate 12, the 24 channels of a MobileNet.
 * The zeros stay through batch normalisation (with scale and bias 0), ReLUs, sums, pooling and Concat, and convolutions read
 * them with filters of zeros, so that every result is what it was; filters, scales and their gradients are gathered
 * to the channels that are there. A node that is not known here gets the original channels.
 */
export function alignChannels(graph: Graph, block: number): Graph {
  const odd = graph.nodes.some(
    (node) => node.kind === 'op' && node.op === 'Conv' && (shapeIn(graph, node.outputs[0])[1] ?? 0) % block !== 0,
  );
  if (!odd) return graph;
  const alignment = startAlignment(graph, block);
  const { b } = alignment;
  for (const node of graph.nodes) {
    if (node.kind === 'op' && b.scoped(node.name, () => align(alignment, node.op, node))) continue;
    copyNode(b, node, alignment.plainName);
  }
  return alignment.finish();
}

type Recipe<K extends Op> = (a: Alignment, node: OpNode<K>) => boolean;

const recipes: { readonly [K in Op]?: Recipe<K> } = {
  Conv: convolution,
  ConvInputGrad: inputGradient,
  ConvWeightGrad: weightGradient,
  BatchNormTraining: batchNorm,
  BatchNormGrad: batchNormGradient,
  Relu: sameChannels,
  HardSwish: sameChannels,
  Identity: sameChannels,
  Neg: sameChannels,
  Clip: sameChannels,
  ReluGrad: sameChannels,
  ClipGrad: sameChannels,
  Add: sameChannels,
  Sub: sameChannels,
  Mul: sameChannels,
  MaxPool: sameChannels,
  AveragePool: sameChannels,
  GlobalAveragePool: sameChannels,
  MaxPoolGrad: sameChannels,
  AveragePoolGrad: averagePoolGradient,
  Recompute: recompute,
  Concat: concatenation,
  Slice: cut,
  Expand: expansion,
};

const align = <K extends Op>(a: Alignment, op: K, node: OpNode<K>): boolean => recipes[op]?.(a, node) ?? false;

/** A filter `[co, ci, kh, kw]` for aligned channels: rows of zeros for the channels that were added. */
function alignedFilter({ b, rows }: Alignment, w: Value, out: ChannelMap, into: ChannelMap | undefined): Value {
  const [co = 0, ci = 0, kh = 0, kw = 0] = staticShapeOf(w);
  const inputs = into ?? range(ci);
  const order = out.flatMap((o) => inputs.map((i) => (o < 0 || i < 0 ? -1 : o * ci + i)));
  return reshape(b, rows(reshape(b, w, [co * ci, kh * kw]), 0, order), [out.length, inputs.length, kh, kw]);
}

/** Splits a node's attribute and operands for a convolution of aligned channels; `undefined` where it does not become one. */
function convolution(a: Alignment, node: OpNode<'Conv'>): boolean {
  const [x = '', w = '', bias = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const filter = shapeIn(a.graph, w);
  const [co = 0, ci = 0] = filter;
  if (filter.length !== 4 || shapeIn(a.graph, x).length !== 4) return false;
  const depthwise = isDepthwise(node.attributes.group, filter);
  if (node.attributes.group !== 1 && !depthwise) return false;
  // Images that are read as they are: whole blocks, or fewer channels than one.
  const given = a.mapOf(x) ?? (ci < a.block && !depthwise ? undefined : filled(shapeIn(a.graph, x)[1] ?? 0, a.block));
  const out = depthwise ? defined(given, 'channels') : filled(co, a.block);
  const into = depthwise ? undefined : given;
  if (isIdentity(out) && (given === undefined || isIdentity(given)) && !a.isAligned(x)) return false;
  a.filters.set(w, { out, into });
  const operand = given === undefined ? a.plain(x) : a.withMap(x, given);
  const offset = bias === '' ? undefined : a.rows(a.plain(bias), 0, out);
  const attributes = { ...node.attributes, group: depthwise ? out.length : 1 };
  a.define(y, a.b.op('Conv', [operand, alignedFilter(a, a.plain(w), out, into), offset], attributes), out);
  return true;
}

function inputGradient(a: Alignment, node: OpNode<'ConvInputGrad'>): boolean {
  const [gy = '', w = '', sum = ''] = node.inputs;
  const [gx = ''] = node.outputs;
  const maps = a.filters.get(w);
  const depthwise = node.attributes.group !== 1;
  const channels = depthwise ? maps?.out : maps?.into;
  if (maps === undefined || channels === undefined) return false;
  const filter = alignedFilter(a, a.plain(w), maps.out, maps.into);
  const skip = sum === '' ? undefined : a.withMap(sum, channels);
  const [batch = 0, , ...pixels] = node.attributes.input_shape;
  const value = a.b.op('ConvInputGrad', [a.withMap(gy, maps.out), filter, skip], {
    ...node.attributes,
    group: depthwise ? maps.out.length : 1,
    input_shape: [batch, channels.length, ...pixels],
  });
  a.define(gx, value, channels);
  return true;
}

function weightGradient(a: Alignment, node: OpNode<'ConvWeightGrad'>): boolean {
  const [x = '', gy = ''] = node.inputs;
  const [gw = ''] = node.outputs;
  const shape = shapeIn(a.graph, gw);
  const [co = 0, ci = 0, kh = 0, kw = 0] = shape;
  if (shape.length !== 4) return false;
  const depthwise = isDepthwise(node.attributes.group, shape);
  const [of, from] = [a.mapOf(gy), a.mapOf(x)];
  if (of === undefined || !(a.isAligned(x) || a.isAligned(gy)) || (node.attributes.group !== 1 && !depthwise))
    return false;
  if (from === undefined && ci >= a.block) return false;
  // Both operands of a depthwise convolution have the same channels, whichever of them was aligned.
  const out = depthwise ? (from ?? of) : of;
  const into = depthwise ? out : from;
  const image = into === undefined ? a.plain(x) : a.withMap(x, into);
  const attributes = { ...node.attributes, group: depthwise ? out.length : 1 };
  const value = a.b.op('ConvWeightGrad', [image, a.withMap(gy, out)], attributes);
  const inputs = depthwise || from === undefined ? range(ci) : placesIn(from);
  const width = depthwise ? 1 : (from?.length ?? ci);
  const order = placesIn(out).flatMap((o) => inputs.map((i) => o * width + i));
  const flat = reshape(a.b, value, [sizeOf(staticShapeOf(value)) / (kh * kw), kh * kw]);
  a.definePlain(gw, reshape(a.b, a.rows(flat, 0, order), [co, ci, kh, kw]));
  return true;
}

function batchNorm(a: Alignment, node: OpNode<'BatchNormTraining'>): boolean {
  const [x = '', scale = '', bias = '', sum = ''] = node.inputs;
  const [y = '', mean = '', variance = ''] = node.outputs;
  const map = a.mapOf(x);
  if (map === undefined || !a.isAligned(x)) return false;
  const [result, means, variances] = a.b.node(
    'BatchNormTraining',
    [a.withMap(x, map), a.withMap(scale, map), a.withMap(bias, map), sum === '' ? undefined : a.withMap(sum, map)],
    node.attributes,
  );
  a.define(y, result, map);
  a.define(mean, means, map);
  a.define(variance, variances, map);
  return true;
}

function batchNormGradient(a: Alignment, node: OpNode<'BatchNormGrad'>): boolean {
  const [gy = '', x = '', scale = '', mean = '', variance = ''] = node.inputs;
  const [gx = '', gscale = '', gbias = ''] = node.outputs;
  const map = a.mapOf(x);
  if (map === undefined || !a.isAligned(x)) return false;
  const of = (name: string): Value => a.withMap(name, map);
  const results = a.b.node('BatchNormGrad', [of(gy), of(x), of(scale), of(mean), of(variance)], node.attributes);
  a.define(gx, results[0], map);
  a.define(gscale, results[1], map);
  a.define(gbias, results[2], map);
  return true;
}

/** Operators whose operands and result have the same channels; scalars stay as they are. */
function sameChannels(a: Alignment, node: OpNode): boolean {
  const [result = ''] = node.outputs;
  const channels = shapeIn(a.graph, result)[1];
  const aligned = node.inputs.find((name) => a.isAligned(name) && shapeIn(a.graph, name).length === 4);
  if (aligned === undefined || shapeIn(a.graph, result).length !== 4) return false;
  const map = defined(a.mapOf(aligned), 'channels');
  const operands: string[] = [];
  for (const name of node.inputs) {
    const shape = shapeIn(a.graph, name);
    if (name === '' || (a.graph.types.has(name) && sizeOf(shape) === 1))
      operands.push(name === '' ? '' : a.plain(name).name);
    else if (shape.length === 4 && shape[1] === channels) operands.push(a.withMap(name, map).name);
    else return false;
  }
  const name = `${node.name}/aligned`;
  a.b.raw({ ...node, name, inputs: operands, outputs: [name] });
  a.define(result, a.b.value(name), map);
  return true;
}

function averagePoolGradient(a: Alignment, node: OpNode<'AveragePoolGrad'>): boolean {
  const [gy = ''] = node.inputs;
  const [gx = ''] = node.outputs;
  const map = a.mapOf(gy);
  if (map === undefined || !a.isAligned(gy)) return false;
  const [batch = 0, , ...pixels] = node.attributes.input_shape;
  const attributes = { ...node.attributes, input_shape: [batch, map.length, ...pixels] };
  a.define(gx, a.b.op('AveragePoolGrad', [a.withMap(gy, map)], attributes), map);
  return true;
}

/** Blocks of channels side by side. */
function concatenation(a: Alignment, node: OpNode<'Concat'>): boolean {
  const [y = ''] = node.outputs;
  if (node.attributes.axis !== 1 || shapeIn(a.graph, y).length !== 4) return false;
  const maps = node.inputs.map((name) => a.mapOf(name));
  if (!node.inputs.some(a.isAligned)) return false;
  let start = 0;
  const map: number[] = [];
  const values: Value[] = [];
  for (const [index, name] of node.inputs.entries()) {
    const own = maps[index] ?? filled(shapeIn(a.graph, name)[1] ?? 0, a.block);
    const first = start;
    map.push(...own.map((channel) => (channel < 0 ? -1 : channel + first)));
    values.push(a.withMap(name, own));
    start += shapeIn(a.graph, name)[1] ?? 0;
  }
  a.define(y, concat(a.b, values, 1), map);
  return true;
}

/** Whole blocks of channels: the gradient of a Concat. */
function cut(a: Alignment, node: OpNode<'Slice'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const { starts, ends, axes, steps } = node.attributes;
  const map = a.mapOf(x);
  const channels = shapeIn(a.graph, x)[1] ?? 0;
  const count = shapeIn(a.graph, y)[1] ?? 0;
  const [start = 0, end = 0, step = 1] = [starts[0], ends[0], steps[0]];
  if (axes.join() !== '1' || step !== 1 || start < 0 || end < start || map === undefined || !a.isAligned(x))
    return false;
  if (Math.min(end, channels) - start !== count) return false;
  const wanted = (channel: number): boolean => channel >= start && channel < start + count;
  const blocks = range(map.length / a.block).map((block) => map.slice(block * a.block, (block + 1) * a.block));
  const first = blocks.findIndex((block) => block.some(wanted));
  const last = blocks.findLastIndex((block) => block.some(wanted));
  const inside = blocks.slice(first, last + 1);
  if (first < 0 || inside.some((block) => block.some((channel) => channel >= 0 && !wanted(channel)))) return false;
  const [from, to] = [first * a.block, (last + 1) * a.block];
  const value = a.b.op('Slice', [a.withMap(x, map)], { starts: [from], ends: [to], axes: [1], steps: [1] });
  a.define(
    y,
    value,
    inside.flat().map((channel) => (channel < 0 ? -1 : channel - start)),
  );
  return true;
}

/** `[N, C, 1, 1]` over pixels: with the channels that its reader wants. */
function expansion(a: Alignment, node: OpNode<'Expand'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const shape = shapeIn(a.graph, y);
  const [batch = 0, channels = 0, ...pixels] = shape;
  if (shape.length !== 4 || channels % a.block === 0) return false;
  if (shapeIn(a.graph, x).join() !== [batch, channels, 1, 1].join()) return false;
  a.defineLazy(y, (map) =>
    map === undefined ? expand(a.b, a.plain(x), shape) : expand(a.b, a.withMap(x, map), [batch, map.length, ...pixels]),
  );
  return true;
}

function recompute(a: Alignment, node: OpNode<'Recompute'>): boolean {
  const [x = '', after = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const map = a.mapOf(x);
  if (map === undefined || !a.isAligned(x)) return false;
  const later = a.mapOf(after);
  const gradient = later === undefined ? a.plain(after) : a.withMap(after, later);
  a.define(y, a.b.op('Recompute', [a.withMap(x, map), gradient], {}), map);
  return true;
}
