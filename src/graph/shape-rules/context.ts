import { inputError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, type Dim, type Shape } from '../../core/shape.ts';
import type { DType } from '../../core/tensor.ts';
import type { TensorType } from '../graph.ts';
import type { AttributesOf, Op } from '../ops.ts';

/** What a shape rule sees: the node's name for errors, the types of its inputs (`undefined` where absent), its attributes. */
export interface ShapeContext<K extends Op> {
  readonly where: string;
  readonly input: (index: number) => TensorType;
  readonly optional: (index: number) => TensorType | undefined;
  readonly count: number;
  readonly attributes: AttributesOf<K>;
}

export type ShapeRule<K extends Op> = (context: ShapeContext<K>) => readonly TensorType[];

export type ShapeRules<K extends Op> = { readonly [O in K]: ShapeRule<O> };

export const of = (dtype: DType, shape: Shape): TensorType =>
  Object.freeze({ dtype, shape: Object.freeze([...shape]) });
export const like = (context: { input: (index: number) => TensorType }): readonly TensorType[] => [context.input(0)];

export function dimOf(shape: Shape, axis: number, where: string): Dim {
  const dim = shape[axis];
  if (dim === undefined)
    throw inputError('rank too small', {
      where,
      expected: `at least ${axis + 1} dimensions`,
      received: formatShape(shape),
    });
  return dim;
}

export function numberOf(shape: Shape, axis: number, where: string): number {
  const dim = dimOf(shape, axis, where);
  if (typeof dim === 'number') return dim;
  throw inputError('dimension must be a number', { where, received: formatShape(shape) });
}

export function at(values: readonly number[], index: number, what: string, where: string): number {
  const value = values[index];
  if (value === undefined) {
    throw inputError(`${what} is too short`, {
      where,
      expected: `at least ${index + 1} entries`,
      received: `[${values.join(', ')}]`,
    });
  }
  return value;
}

/** A list of exactly this many integers. */
export function exactly(count: number, values: readonly number[], what: string, where: string): void {
  if (values.length !== count) {
    throw inputError(`wrong number of ${what}`, { where, expected: String(count), received: `[${values.join(', ')}]` });
  }
  if (!values.every(Number.isInteger)) {
    throw inputError(`${what} must be integers`, { where, received: `[${values.join(', ')}]` });
  }
}

export function expectDtype(type: TensorType, legal: readonly DType[], what: string, where: string): void {
  if (!legal.includes(type.dtype)) {
    throw inputError(`wrong element type of ${what}`, { where, expected: legal.join(' or '), received: type.dtype });
  }
}

export function sameDtype(context: ShapeContext<Op>, a: TensorType, b: TensorType): DType {
  if (a.dtype !== b.dtype)
    throw inputError('element types differ', { where: context.where, received: `${a.dtype} and ${b.dtype}` });
  return a.dtype;
}

export function broadcast(context: ShapeContext<Op>, a = context.input(0), b = context.input(1)): TensorType {
  return of(sameDtype(context, a, b), broadcastShapes(a.shape, b.shape, context.where));
}
