import { defined } from '../../core/errors.ts';
import { isStatic, normalizeAxis, sizeOf, type StaticShape } from '../../core/shape.ts';
import { tensor, type HostTensor } from '../../core/tensor.ts';
import type { ForeignNode, OpNode, TensorType } from '../graph.ts';
import type { AttributesOf, Op } from '../ops.ts';
import { sliceRange } from '../slices.ts';
import { computeElements, isElementwise } from './arithmetic.ts';
import { elementsOf, indexAt, isFoldTensor, moved, tensorFrom, type Element, type FoldTensor } from './elements.ts';

/** What the evaluation of one node sees; shapes of results are those that the shape rules gave. */
interface Evaluation<K extends Op> {
  readonly input: (index: number) => FoldTensor;
  readonly inputs: readonly FoldTensor[];
  readonly attributes: AttributesOf<K>;
  readonly shapes: readonly StaticShape[];
}

type Evaluate<K extends Op> = (context: Evaluation<K>) => readonly (FoldTensor | undefined)[];

const first = (c: Evaluation<Op>): StaticShape => defined(c.shapes[0], 'shape of the first output');
const setAt = (index: readonly number[], axis: number, value: number): readonly number[] =>
  index.map((entry, k) => (k === axis ? value : entry));

/** The same elements in another shape. */
function reshaped(c: Evaluation<Op>): readonly FoldTensor[] {
  const x = c.input(0);
  return [tensor(x.dtype, first(c), x.data)];
}

function reduced(combine: (a: Element, b: Element) => Element, start: (like: FoldTensor) => Element | undefined) {
  return (
    c: Evaluation<'ReduceSum' | 'ReduceProd' | 'ReduceMax' | 'ReduceMin'>,
  ): readonly (FoldTensor | undefined)[] => {
    const x = c.input(0);
    const axes = new Set(c.attributes.axes.map((axis) => normalizeAxis(axis, x.shape.length, 'fold')));
    const kept = x.shape.map((size, axis) => (axes.has(axis) ? 1 : size));
    const results = new Array<Element | undefined>(sizeOf(kept)).fill(start(x));
    elementsOf(x).forEach((element, offset) => {
      const index = indexAt(offset, x.shape);
      const target = kept.reduce((sum, size, axis) => sum * size + (size === 1 ? 0 : (index[axis] ?? 0)), 0);
      const before = results[target];
      results[target] = before === undefined ? element : combine(before, element);
    });
    const complete = results.filter((element) => element !== undefined);
    return [complete.length === results.length ? tensorFrom(x.dtype, first(c), complete) : undefined];
  };
}

const isFloat = ({ dtype }: FoldTensor): boolean => dtype === 'float32' || dtype === 'float64';
const plus = (a: Element, b: Element): Element =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
const times = (a: Element, b: Element): Element =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a * b : Number(a) * Number(b);

type MovementOp =
  | 'Transpose'
  | 'Reshape'
  | 'Flatten'
  | 'Squeeze'
  | 'Unsqueeze'
  | 'Expand'
  | 'Tile'
  | 'Concat'
  | 'Split'
  | 'Slice'
  | 'Gather'
  | 'ReduceSum'
  | 'ReduceProd'
  | 'ReduceMax'
  | 'ReduceMin';

/** Deliberately few: what exporters compute shapes, masks and small constants with. */
const movements: { readonly [K in MovementOp]: Evaluate<K> } = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: (c) => {
    const { perm } = c.attributes;
    return [moved(c.input(0), first(c), (index) => perm.map((_, axis) => index[perm.indexOf(axis)] ?? 0))];
  },
  Expand: (c) => [moved(c.input(0), first(c), (index) => index)],
  Tile: (c) => {
    const x = c.input(0);
    return [moved(x, first(c), (index) => index.map((entry, axis) => entry % (x.shape[axis] ?? 1)))];
  },
  Concat: (c) => {
    const shape = first(c);
    const axis = normalizeAxis(c.attributes.axis, shape.length, 'fold');
    const owners = c.inputs.flatMap((x) =>
      Array.from({ length: x.shape[axis] ?? 0 }, (_, place) => ({ x, elements: elementsOf(x), place })),
    );
    const elements = Array.from({ length: sizeOf(shape) }, (_, offset) => {
      const index = indexAt(offset, shape);
      const owner = defined(owners[index[axis] ?? 0], 'owner of an element');
      const own = setAt(index, axis, owner.place);
      return owner.elements[owner.x.shape.reduce((sum, size, k) => sum * size + (own[k] ?? 0), 0)] ?? 0;
    });
    return [tensorFrom(c.input(0).dtype, shape, elements)];
  },
  Split: (c) => {
    const x = c.input(0);
    const axis = normalizeAxis(c.attributes.axis, x.shape.length, 'fold');
    let start = 0;
    return c.shapes.map((shape) => {
      const from = start;
      start += shape[axis] ?? 0;
      return moved(x, shape, (index) => setAt(index, axis, from + (index[axis] ?? 0)));
    });
  },
  Slice: (c) => {
    const x = c.input(0);
    const { starts, ends, axes, steps } = c.attributes;
    const begin = x.shape.map(() => 0);
    const step = x.shape.map(() => 1);
    axes.forEach((given, k) => {
      const axis = normalizeAxis(given, x.shape.length, 'fold');
      step[axis] = steps[k] ?? 1;
      begin[axis] = sliceRange(starts[k] ?? 0, ends[k] ?? 0, steps[k] ?? 1, x.shape[axis] ?? 0).first;
    });
    return [moved(x, first(c), (index) => index.map((entry, axis) => (begin[axis] ?? 0) + entry * (step[axis] ?? 1)))];
  },
  Gather: (c) => {
    const [x, indices] = [c.input(0), c.input(1)];
    const axis = normalizeAxis(c.attributes.axis, x.shape.length, 'fold');
    const size = x.shape[axis] ?? 0;
    const chosen = elementsOf(indices).map(Number);
    if (chosen.some((index) => index < -size || index >= size)) return [undefined];
    const rank = indices.shape.length;
    return [
      moved(x, first(c), (index) => {
        const place = index
          .slice(axis, axis + rank)
          .reduce((sum, entry, k) => sum * (indices.shape[k] ?? 1) + entry, 0);
        const row = chosen[place] ?? 0;
        return [...index.slice(0, axis), row < 0 ? row + size : row, ...index.slice(axis + rank)];
      }),
    ];
  },
  ReduceSum: reduced(plus, (x) => (isFloat(x) ? 0 : 0n)),
  ReduceProd: reduced(times, (x) => (isFloat(x) ? 1 : 1n)),
  ReduceMax: reduced(
    (a, b) => (a > b ? a : b),
    () => undefined,
  ),
  ReduceMin: reduced(
    (a, b) => (a < b ? a : b),
    () => undefined,
  ),
};

function isMovement(op: Op): op is MovementOp {
  return Object.hasOwn(movements, op);
}

/** Whether constants of this operator can be computed. */
export function canEvaluate(op: Op): boolean {
  return isMovement(op) || isElementwise(op);
}

function evaluateMovement<K extends MovementOp>(op: K, context: Evaluation<K>): readonly (FoldTensor | undefined)[] {
  return (movements as { readonly [O in K]: Evaluate<O> })[op](context);
}

/** The results of a node of the table on constants; `undefined` where they cannot be computed here. */
export function evaluateNode(
  node: OpNode,
  operands: readonly HostTensor[],
  types: readonly TensorType[],
): readonly HostTensor[] | undefined {
  const inputs = operands.filter(isFoldTensor);
  const shapes = types.map(({ shape }) => shape).filter(isStatic);
  const [type] = types;
  if (inputs.length !== operands.length || shapes.length !== types.length || type === undefined) return undefined;
  const input = (index: number): FoldTensor => defined(inputs[index], `input ${index} of ${node.name}`);
  const results = isElementwise(node.op)
    ? [computeElements(node.op, inputs, node.attributes, { dtype: type.dtype, shape: defined(shapes[0], node.name) })]
    : isMovement(node.op)
      ? evaluateMovement(node.op, { input, inputs, attributes: node.attributes as never, shapes })
      : [];
  const complete = results.filter((result) => result !== undefined);
  return complete.length === node.outputs.length ? complete : undefined;
}

/** How many elements a Range or ConstantOfShape node makes of these constants, `undefined` where it is neither. */
function sizeOfMade(node: ForeignNode, operands: readonly FoldTensor[]): StaticShape | undefined {
  const numbers = operands.map((operand) => elementsOf(operand).map(Number));
  if (node.opType === 'ConstantOfShape') return numbers[0];
  const [start, limit, delta] = numbers.map(([only]) => only);
  if (start === undefined || limit === undefined || delta === undefined || delta === 0) return undefined;
  return [Math.max(0, Math.ceil((limit - start) / delta))];
}

/**
 * What a Range or ConstantOfShape node makes of constants. The shapes of their results are values, so the operator table, whose
 * shapes follow from shapes, cannot have them: as constants they have a place in a graph, else they stay as they are.
 */
export function evaluateMaker(
  node: ForeignNode,
  operands: readonly HostTensor[],
  limit: number,
): HostTensor | undefined {
  if (node.domain !== '' || (node.opType !== 'Range' && node.opType !== 'ConstantOfShape')) return undefined;
  const inputs = operands.filter(isFoldTensor);
  const shape = inputs.length === operands.length ? sizeOfMade(node, inputs) : undefined;
  if (shape === undefined || shape.some((size) => !Number.isSafeInteger(size) || size < 0) || sizeOf(shape) > limit) {
    return undefined;
  }
  const count = sizeOf(shape);
  if (node.opType === 'ConstantOfShape') {
    const attribute = node.attributes.get('value');
    const given: HostTensor =
      attribute?.kind === 'tensor' ? attribute.value : tensor('float32', [1], Float32Array.of(0));
    if (!isFoldTensor(given)) return undefined;
    const [element = 0] = elementsOf(given);
    return tensorFrom(given.dtype, shape, new Array<Element>(count).fill(element));
  }
  const [start, , delta] = inputs.map((operand) => elementsOf(operand)[0] ?? 0);
  const { dtype } = defined(inputs[0], 'start of a Range');
  return tensorFrom(
    dtype,
    shape,
    Array.from({ length: count }, (_, k) =>
      plus(start ?? 0, times(delta ?? 0, typeof delta === 'bigint' ? BigInt(k) : k)),
    ),
  );
}
