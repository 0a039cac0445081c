import { inputError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorType } from './graph.ts';
import { definitionOf, type AttributesOf, type Op } from './ops.ts';
import type { ShapeRules } from './shape-rules/context.ts';
import { elementwiseShapes } from './shape-rules/elementwise.ts';
import { imageShapes } from './shape-rules/images.ts';
import { macroShapes } from './shape-rules/macros.ts';
import { movementShapes } from './shape-rules/movement.ts';
import { normalizationShapes } from './shape-rules/normalization.ts';
import { productShapes } from './shape-rules/products.ts';
import { blockedShapes } from './shape-rules/provider.ts';
import { reductionShapes } from './shape-rules/reductions.ts';

/** Every operator's shape rule. Complete: an operator without one does not compile. */
const shapeRules: ShapeRules<Op> = {
  ...elementwiseShapes,
  ...productShapes,
  ...movementShapes,
  ...reductionShapes,
  ...imageShapes,
  ...normalizationShapes,
  ...macroShapes,
  ...blockedShapes,
};

/** Output types of a node, or an error that names it. Checks arity against the operator table. */
export function inferTypes<K extends Op>(
  op: K,
  where: string,
  inputs: readonly (TensorType | undefined)[],
  attributes: AttributesOf<K>,
): readonly TensorType[] {
  const { inputs: names } = definitionOf(op);
  const variadic = names.some((name) => name.startsWith('...'));
  const required = variadic ? 1 : names.filter((name) => !name.endsWith('?')).length;
  if (inputs.length < required || (!variadic && inputs.length > names.length)) {
    throw inputError('wrong number of inputs', {
      where,
      expected: `${op}(${names.join(', ')})`,
      received: String(inputs.length),
    });
  }
  const optional = (index: number): TensorType | undefined => inputs[index];
  const input = (index: number): TensorType => {
    const type = inputs[index];
    if (type === undefined) throw inputError('input is missing', { where, expected: `${op}(${names.join(', ')})` });
    return type;
  };
  const types = shapeRules[op]({ where, input, optional, count: inputs.length, attributes });
  for (const { shape } of types) {
    if (shape.some((dim) => typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0))) {
      throw inputError('impossible shape', { where, received: formatShape(shape) });
    }
  }
  return types;
}
