import type { Value } from '../graph/builder.ts';
import type { LayerContext } from '../nn/layer-context.ts';

/**
 * One layer behind the other, each in a layer of the context named `prefix` and its number, counted from `first`: x goes through
 * `step(x, items[0], 0)`, then `step(…, items[1], 1)`, and so on.
 */
export function chain<T>(
  c: LayerContext,
  x: Value,
  items: readonly T[],
  { prefix = '', first = 0 }: { readonly prefix?: string; readonly first?: number },
  step: (x: Value, item: T, index: number) => Value,
): Value {
  return items.reduce((y, item, index) => c.layer(`${prefix}${first + index}`, () => step(y, item, index)), x);
}

/** 0, 1, …, count − 1. */
export const indices = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
