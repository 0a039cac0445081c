import type { HostTensor } from '../../core/tensor.ts';
import type { ForeignAttribute, TensorType } from '../graph.ts';
import type { ListedNode } from '../onnx-order.ts';
import { OPSET } from '../ops.ts';

export type Attributes = Readonly<Record<string, ForeignAttribute>>;

/** What a step may know, and what it may put in front of the node that it rewrites. */
export interface StepContext {
  /** The type of a value where it is known. */
  readonly typeOf: (name: string) => TensorType | undefined;
  readonly constantOf: (name: string) => HostTensor | undefined;
  /** A new initializer. */
  readonly constant: (value: HostTensor, stem: string) => string;
  /** A node of opset 18 in front; its output. */
  readonly emit: (opType: string, inputs: readonly string[], attributes?: Attributes) => string;
  /** A scalar of the element type of `like`. */
  readonly scalar: (value: number, like: string) => string;
  /** An int64 vector. */
  readonly vector: (values: readonly number[], stem?: string) => string;
}

/**
 * The node as the other side of a version break has it (which continues on its way, unless it is of opset 18 already), or the
 * reason why it cannot be said there.
 */
export type Outcome = ListedNode | string;

/**
 * How a node crosses a version break of its operator: `same` where the newer version only accepts more (element types, negative
 * axes, attributes whose default is what the older one did).
 */
export type Step = 'same' | ((node: ListedNode, context: StepContext) => Outcome);

/** Steps of an operator by the version that the break lies in front of. */
export type Steps = Readonly<Record<string, Readonly<Record<number, Step>>>>;

export const int = (value: number): ForeignAttribute => ({ kind: 'int', value: BigInt(value) });
export const ints = (value: readonly number[]): ForeignAttribute => ({ kind: 'ints', value: value.map(BigInt) });
export const float = (value: number): ForeignAttribute => ({ kind: 'float', value });
export const text = (value: string): ForeignAttribute => ({ kind: 'string', value: new TextEncoder().encode(value) });

/** An integer attribute, `otherwise` where it is absent or of another kind. */
export function intOf(node: ListedNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}

export function intsOf(node: ListedNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
}

export function floatOf(node: ListedNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'float' ? attribute.value : otherwise;
}

export function textOf(node: ListedNode, name: string, otherwise: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'string' ? new TextDecoder().decode(attribute.value) : otherwise;
}

/** The node without these attributes. */
export function without(node: ListedNode, ...names: readonly string[]): ListedNode {
  return { ...node, attributes: new Map([...node.attributes].filter(([name]) => !names.includes(name))) };
}

/** The node with an attribute set. */
export function withAttribute(node: ListedNode, name: string, value: ForeignAttribute): ListedNode {
  return { ...node, attributes: new Map(node.attributes).set(name, value) };
}

/** The node with one input replaced; absent ones in front of it become `''`. */
export function withInput(node: ListedNode, position: number, name: string): ListedNode {
  const inputs = [...node.inputs];
  while (inputs.length < position) inputs.push('');
  inputs[position] = name;
  return { ...node, inputs };
}

/** An operator of opset 18 in place of the node, with its name and outputs. */
export function finished(
  node: ListedNode,
  opType: string,
  inputs: readonly string[],
  attributes: Attributes = {},
): ListedNode {
  return { ...node, opType, inputs, attributes: new Map(Object.entries(attributes)), version: OPSET };
}

/** A step from integers in an attribute to an int64 vector as an input. */
export function toInput(attribute: string, position: number): Step {
  return (node, context) => {
    const values = intsOf(node, attribute);
    if (values === undefined) return without(node, attribute);
    if (node.inputs.length > position) return `it has ${attribute} both as an attribute and as an input`;
    return withInput(without(node, attribute), position, context.vector(values, attribute));
  };
}

/** A step that drops attributes which opset 18 lacks, as long as their values say what it does anyway. */
export function dropping(usual: Readonly<Record<string, (value: ForeignAttribute) => boolean>>): Step {
  return (node) => {
    for (const [name, isUsual] of Object.entries(usual)) {
      const value = node.attributes.get(name);
      if (value !== undefined && !isUsual(value)) return `opset ${OPSET} lacks its attribute ${name}`;
    }
    return without(node, ...Object.keys(usual));
  };
}
