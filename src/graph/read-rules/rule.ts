import type { HostTensor } from '../../core/tensor.ts';
import type { TensorType } from '../graph.ts';

/** Attribute values of the table while a node is being read. */
export type Value = number | readonly number[] | string;
export type Values = Readonly<Record<string, Value>>;

/** What is known of the node being read, for defaults that depend on it. */
export interface Context {
  readonly inputs: readonly (TensorType | undefined)[];
  readonly outputCount: number;
  /** Attributes as the file states them, constant operands included. */
  readonly stated: Values;
}

/** How an ONNX node becomes one of the table: what absent attributes mean, and what attributes the table lacks must be. */
export interface ReadRule {
  readonly defaults?: (context: Context) => Values;
  readonly assumed?: Readonly<Record<string, (value: Value, context: Context) => boolean>>;
  /** Positions of constant operands that the table lacks; `restated` says their meaning in the table's terms. */
  readonly operands?: Readonly<Record<string, number>>;
  /** Whether a constant at an input position that the table lacks changes nothing. */
  readonly usualInput?: (position: number, constant: HostTensor) => boolean;
  /** Attributes that replace what defaults and file say; `stated` holds both. `undefined` where the table cannot say it. */
  readonly restated?: (context: Context) => Values | undefined;
}

export const is = (expected: Value) => (value: Value) => value === expected;
export const anything = () => true;
export const ones = (value: Value) => Array.isArray(value) && value.every((entry) => entry === 1);
export const plain: ReadRule = {};

export const rankOf = (context: Context): number => context.inputs[0]?.shape.length ?? 0;
export const spatial = (context: Context, value: number, perAxis = 1): readonly number[] =>
  new Array<number>(Math.max(0, rankOf(context) - 2) * perAxis).fill(value);
export const windowDefaults = (context: Context) => ({ pads: spatial(context, 0, 2), strides: spatial(context, 1) });

/** The filter's own extents, `[out, in, ...extents]`, where `kernel_shape` is absent. */
export function convolutionDefaults(context: Context): Values {
  const extents = (context.inputs[1]?.shape.slice(2) ?? []).filter((dim) => typeof dim === 'number');
  return { ...windowDefaults(context), kernel_shape: extents, dilations: spatial(context, 1), group: 1 };
}

export const explicitPadding = { auto_pad: is('NOTSET') };
export const pool = { ...explicitPadding, ceil_mode: is(0) };

/** A rule for every operator of a family. */
export type ReadRules<Table> = { readonly [K in keyof Table]: ReadRule };
