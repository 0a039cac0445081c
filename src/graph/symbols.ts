import type { Dim, Shape } from '../core/shape.ts';

/** A number of elements: a number times symbolic dimensions, sorted, each as often as it occurs. */
export interface Product {
  readonly size: number;
  readonly symbols: readonly string[];
}

/** Between the factors of a dimension that is a product (`batch·12`). */
const TIMES = '·';

/** The number of elements of a shape. */
export function productOf(shape: Shape): Product {
  let size = 1;
  const symbols: string[] = [];
  for (const dim of shape) {
    for (const factor of typeof dim === 'number' ? [dim] : dim.split(TIMES)) {
      if (typeof factor === 'number' || /^\d+$/.test(factor)) size *= Number(factor);
      else symbols.push(factor);
    }
  }
  return { size, symbols: symbols.sort() };
}

/** The product as one dimension: a number, a symbol, or symbols and number joined. */
export function dimensionOf({ size, symbols }: Product): Dim {
  if (symbols.length === 0 || size === 0) return size;
  return [...symbols, ...(size === 1 ? [] : [String(size)])].join(TIMES);
}

/** a/b, `undefined` where that is no product of an integer and symbols. */
export function quotient(a: Product, b: Product): Product | undefined {
  const symbols = [...a.symbols];
  for (const symbol of b.symbols) {
    const place = symbols.indexOf(symbol);
    if (place < 0) return undefined;
    symbols.splice(place, 1);
  }
  const size = a.size / b.size;
  return Number.isInteger(size) ? { size, symbols } : undefined;
}
