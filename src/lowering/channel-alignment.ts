import { defined } from '../core/errors.ts';
import { isStatic } from '../core/shape.ts';
import { int32 } from '../core/tensor.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { gather, pad } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { startPass, type Pass } from './pass.ts';
import { range } from './window.ts';

/**
 * Which channel of the original image each channel of an aligned one is; −1: a channel of zeros. Its length is a multiple of
 * the block, the original channels keep their order.
 */
export type ChannelMap = readonly number[];

interface Aligned {
  readonly value: Value;
  readonly map: ChannelMap;
}

/** A value of the original graph: as it was, with aligned channels, or not made yet. */
interface Forms {
  plain?: Value;
  aligned?: Aligned;
  /** Makes the value with the channels that are asked for. */
  make?: (map: ChannelMap | undefined) => Value;
}

/** C channels and as many of zeros as fill the last block. */
export const filled = (channels: number, block: number): ChannelMap =>
  range(Math.ceil(channels / block) * block).map((channel) => (channel < channels ? channel : -1));

const sameMap = (a: ChannelMap, b: ChannelMap): boolean =>
  a === b || (a.length === b.length && a.every((channel, index) => channel === b[index]));

export const isIdentity = (map: ChannelMap): boolean => map.every((channel, index) => channel === index);

/** Where each original channel is in the aligned image. */
export function placesIn(map: ChannelMap): readonly number[] {
  const places: number[] = [];
  map.forEach((channel, index) => {
    if (channel >= 0) places[channel] = index;
  });
  return places;
}

/** A value's shape if all of it is known, else none. */
export const shapeIn = (graph: Graph, name = ''): readonly number[] => {
  const shape = graph.types.get(name)?.shape;
  return shape !== undefined && isStatic(shape) ? shape : [];
};

/** A pass over a graph whose images get whole blocks of channels. */
export type Alignment = ReturnType<typeof startAlignment>;

export function startAlignment(graph: Graph, block: number) {
  const pass: Pass = startPass(graph);
  const { builder: b } = pass;
  const known = new Map<string, Forms>();
  const once = new Map<string, Value>();
  /** Channels of the operands of a convolution, by its filter: its gradients have the same. */
  const filters = new Map<string, { readonly out: ChannelMap; readonly into: ChannelMap | undefined }>();
  const formsOf = (name: string): Forms => {
    let forms = known.get(name);
    if (forms === undefined) known.set(name, (forms = b.has(name) ? { plain: b.value(name) } : {}));
    return forms;
  };
  const index = (values: readonly number[]): Value =>
    pass.constant(`channels_${values.join('_')}`, () => int32([values.length], values));

  /** Rows along an axis by an index in which −1 is a row of zeros. */
  const rows = (x: Value, axis: number, map: readonly number[]): Value => {
    const shape = staticShapeOf(x);
    const extent = shape[axis] ?? 0;
    const real = map.filter((channel) => channel >= 0).length;
    const padded = (amount: number): Value =>
      pad(b, x, [...shape.map(() => 0), ...shape.map((_, k) => (k === axis ? amount : 0))]);
    if (map.every((channel, at) => (at < real ? channel === at : channel < 0)) && real === extent)
      return map.length === extent ? x : padded(map.length - extent);
    const source = map.length === real ? x : padded(1);
    return gather(b, source, index(map.map((channel) => (channel < 0 ? extent : channel))), axis);
  };
  const plain = (name: string): Value => {
    const forms = formsOf(name);
    if (forms.plain !== undefined) return forms.plain;
    const { aligned, make } = forms;
    if (aligned === undefined) return (forms.plain = defined(make, `value ${name}`)(undefined));
    const axis = aligned.value.type.shape.length === 1 ? 0 : 1;
    return (forms.plain = rows(aligned.value, axis, placesIn(aligned.map)));
  };
  return {
    graph,
    block,
    b,
    filters,
    index,
    rows,
    plain,
    plainName: (name: string): string => (b.has(name) || known.has(name) ? plain(name).name : name),
    finish: (): Graph => pass.finish((name) => (b.has(name) || known.has(name) ? plain(name).name : name)),
    /** The channels of an image or a channel vector; `undefined` where they cannot be aligned without moving the image. */
    mapOf: (name: string): ChannelMap | undefined => {
      const { aligned } = formsOf(name);
      if (aligned !== undefined) return aligned.map;
      const channels = shapeIn(graph, name)[1] ?? 0;
      return channels > 0 && channels % block === 0 ? range(channels) : undefined;
    },
    isAligned: (name: string): boolean => formsOf(name).aligned !== undefined,
    /** The value with these channels. */
    withMap: (name: string, map: ChannelMap): Value => {
      const forms = formsOf(name);
      if (forms.aligned !== undefined && sameMap(forms.aligned.map, map)) return forms.aligned.value;
      const key = `${name} ${map.join()}`;
      let value = once.get(key);
      if (value === undefined) {
        if (forms.make !== undefined && forms.plain === undefined) value = forms.make(map);
        else value = rows(plain(name), (shapeIn(graph, name).length || 1) === 1 ? 0 : 1, map);
        once.set(key, value);
      }
      return value;
    },
    define: (name: string, value: Value, map: ChannelMap): void => {
      known.set(name, isIdentity(map) ? { plain: value } : { aligned: { value, map } });
    },
    definePlain: (name: string, value: Value): void => {
      known.set(name, { plain: value });
    },
    defineLazy: (name: string, make: (map: ChannelMap | undefined) => Value): void => {
      known.set(name, { make });
    },
  };
}
