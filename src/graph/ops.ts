import type { AttributeTypes, OpDefinition, OperandKind } from './ops/definition.ts';
import { elementwiseOps } from './ops/elementwise.ts';
import { imagesOps } from './ops/images.ts';
import { macrosOps } from './ops/macros.ts';
import { movementOps } from './ops/movement.ts';
import { normalizationOps } from './ops/normalization.ts';
import { productsOps } from './ops/products.ts';
import { providerOps } from './ops/provider.ts';
import { reductionsOps } from './ops/reductions.ts';

export type { AttributeKind, OpDefinition, OperandKind } from './ops/definition.ts';

/**
 * The closed operator table. Everything that fixhead knows about an operator is a complete mapped type over it: the
 * shape rule (shapes.ts), the gradient rule (autodiff/rules), the reference evaluation and test cases (test/reference).
 *
 * Standard operators follow opset 18 of ai.onnx (https://onnx.ai/onnx/operators/) and keep its names. Operands that must be
 * constants here (Reshape's shape, Slice's bounds, a reduction's axes ...) are attributes in this table and become constant
 * inputs in ONNX bytes: every shape is known when a graph is built.
 */
export const OPSET = 18;

/** The operators, by name. */
export const ops = {
  ...elementwiseOps,
  ...productsOps,
  ...movementOps,
  ...reductionsOps,
  ...imagesOps,
  ...normalizationOps,
  ...macrosOps,
  ...providerOps,
} as const satisfies Record<string, OpDefinition>;

/** The name of an operator of the table. */
export type Op = keyof typeof ops;

type KindType<A> = A extends OperandKind
  ? readonly number[]
  : A extends keyof AttributeTypes
    ? AttributeTypes[A]
    : never;

/** The attributes of operator K; all are stated, none has a default. */
export type AttributesOf<K extends Op> = {
  readonly [A in keyof (typeof ops)[K]['attributes']]: KindType<(typeof ops)[K]['attributes'][A]>;
};

/** The definition of an operator, widened. */
export function definitionOf(op: Op): OpDefinition {
  return ops[op];
}

/** Whether the table has an operator of that name. */
export function isOp(name: string): name is Op {
  return Object.hasOwn(ops, name);
}
