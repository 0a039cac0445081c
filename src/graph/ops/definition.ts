import type { DType } from '../../core/tensor.ts';

/**
 * How an attribute is written: as an ONNX attribute, or as a constant at an input position: of int64 (`operand`) or of
 * float32 (`floatOperand`). Where the kind ends in `?`, an empty list stands for an absent operand.
 */
export type AttributeKind =
  'int' | 'ints' | 'float' | 'floats' | 'string' | 'dtype' | `operand${1 | 2 | 3 | 4}` | 'operand3?' | 'floatOperand2?';

/** An attribute that stands at an input position of the file's node. */
export type OperandKind = Extract<AttributeKind, `operand${string}` | `floatOperand${string}`>;

export const isOperandKind = (kind: AttributeKind): kind is OperandKind => /^(operand|floatOperand)\d/.test(kind);

/** Where an operand stands in the file's node, and what it holds. */
export const operandOf = (kind: OperandKind) => ({
  position: Number(/\d/.exec(kind)?.[0]),
  float: kind.startsWith('float'),
  optional: kind.endsWith('?'),
});

export interface AttributeTypes {
  int: number;
  ints: readonly number[];
  float: number;
  floats: readonly number[];
  string: string;
  dtype: DType;
}

export interface OpDefinition {
  /** '' is ai.onnx; `fixhead` are macro operators that a lowering replaces and that never reach a file. */
  readonly domain: '' | 'fixhead' | 'com.microsoft' | 'com.microsoft.nchwc';
  /** The ONNX operator type where it differs from the key. */
  readonly type?: string;
  /** Input names; a trailing `?` marks an optional one, a leading `...` any number. */
  readonly inputs: readonly string[];
  /** Output names; a leading `...` marks any number. */
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeKind>>;
}

export const unary = { domain: '', inputs: ['x'], outputs: ['y'], attributes: {} } as const;
export const binary = { domain: '', inputs: ['a', 'b'], outputs: ['c'], attributes: {} } as const;
export const reduction = {
  domain: '',
  inputs: ['x'],
  outputs: ['y'],
  attributes: { axes: 'operand1', keepdims: 'int' },
} as const;
export const window = { kernel_shape: 'ints', pads: 'ints', strides: 'ints' } as const;
export const convolution = { ...window, dilations: 'ints', group: 'int' } as const;
