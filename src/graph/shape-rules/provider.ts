import type { providerOps } from '../ops/provider.ts';
import { dimOf, of, type ShapeRules } from './context.ts';
import { convolved, globallyPooled, pooled } from './window.ts';

export const blockedShapes: ShapeRules<Exclude<keyof typeof providerOps, 'FusedMatMul'>> = {
  'nchwc.ReorderInput': (c) => {
    const { dtype, shape } = c.input(0);
    if (c.attributes.channels_last === 0) return [c.input(0)];
    return [
      of(dtype, [
        dimOf(shape, 0, c.where),
        dimOf(shape, 3, c.where),
        dimOf(shape, 1, c.where),
        dimOf(shape, 2, c.where),
      ]),
    ];
  },
  'nchwc.ReorderOutput': (c) => {
    const { dtype, shape } = c.input(0);
    const [batch, height, width] = [dimOf(shape, 0, c.where), dimOf(shape, 2, c.where), dimOf(shape, 3, c.where)];
    const { channels, channels_last } = c.attributes;
    return [of(dtype, channels_last === 1 ? [batch, height, width, channels] : [batch, channels, height, width])];
  },
  'nchwc.Conv': (c) => [convolved(c)],
  'nchwc.MaxPool': pooled,
  'nchwc.GlobalAveragePool': globallyPooled,
};
