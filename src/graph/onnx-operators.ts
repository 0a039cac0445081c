import type { HostTensor } from '../core/tensor.ts';
import type { ForeignAttribute, OpNode, TensorType } from './graph.ts';
import { dtypeOf, shortestFloat32 } from './onnx-common.ts';
import { definitionOf, type AttributeKind, type Op, type ops } from './ops.ts';
import { isOperandKind, operandOf } from './ops/definition.ts';
import { elementwiseReadRules } from './read-rules/elementwise.ts';
import { imagesReadRules } from './read-rules/images.ts';
import { movementReadRules } from './read-rules/movement.ts';
import { normalizationReadRules } from './read-rules/normalization.ts';
import { productsReadRules } from './read-rules/products.ts';
import { providerReadRules } from './read-rules/provider.ts';
import { reductionsReadRules } from './read-rules/reductions.ts';
import type { Context, ReadRule, Value, Values } from './read-rules/rule.ts';

/** The operators that can stand in a file. */
type FileOp = { [K in Op]: (typeof ops)[K]['domain'] extends 'fixhead' ? never : K }[Op];

/** Defaults of opset 18 (https://onnx.ai/onnx/operators/) and of ONNX Runtime's own operators. */
const rules: { readonly [K in FileOp]: ReadRule } = {
  ...elementwiseReadRules,
  ...productsReadRules,
  ...movementReadRules,
  ...reductionsReadRules,
  ...imagesReadRules,
  ...normalizationReadRules,
  ...providerReadRules,
};

const utf8 = new TextDecoder();

function plainValue(attribute: ForeignAttribute): Value | undefined {
  switch (attribute.kind) {
    case 'int':
      return Number(attribute.value);
    case 'ints':
      return attribute.value.map(Number);
    case 'float':
      return shortestFloat32(attribute.value);
    case 'string':
      return utf8.decode(attribute.value);
    case 'floats':
      return attribute.value.map(shortestFloat32);
    case 'strings':
    case 'tensor':
    case 'opaque':
      return undefined;
    default:
      return attribute satisfies never;
  }
}

/** Numbers of a constant operand: float32 as they are, or integers. Bounds beyond what a number holds exactly (ends of "to the last") are clamped. */
function operandValue(constant: HostTensor | undefined, float: boolean): readonly number[] | undefined {
  if (constant === undefined || constant.shape.length > 1) return undefined;
  if (float) return constant.dtype === 'float32' ? Array.from(constant.data, shortestFloat32) : undefined;
  const limit = Number.MAX_SAFE_INTEGER;
  if (constant.dtype === 'int32') return Array.from(constant.data);
  if (constant.dtype !== 'int64') return undefined;
  return Array.from(constant.data, (value) => Math.min(Math.max(Number(value), -limit), limit));
}

function fits(kind: AttributeKind, attribute: ForeignAttribute): boolean {
  return attribute.kind === (kind === 'dtype' ? 'int' : kind);
}

/** A node of the table as it was found in a file. */
export interface RecognisedNode {
  readonly inputs: readonly string[];
  readonly attributes: OpNode['attributes'];
  /** Names of the constants that became attributes. */
  readonly operands: readonly string[];
}

/** A node as the file has it; trailing absent inputs are left out. */
export interface FileNode {
  readonly inputs: readonly string[];
  readonly outputCount: number;
  readonly attributes: ReadonlyMap<string, ForeignAttribute>;
}

function isFileOp(op: Op): op is FileOp {
  return definitionOf(op).domain !== 'fixhead';
}

/**
 * The node in the table's terms, or `undefined` if the table cannot say what it does: an operand that is no constant, an
 * attribute the table lacks with another value than the usual one, more inputs than the table knows.
 */
export function recognise(
  op: Op,
  node: FileNode,
  typeOf: (name: string) => TensorType | undefined,
  constantOf: (name: string) => HostTensor | undefined,
): RecognisedNode | undefined {
  if (!isFileOp(op)) return undefined;
  const { inputs: names, attributes: kinds } = definitionOf(op);
  const variadic = names.some((name) => name.startsWith('...'));
  const stated: Record<string, Value> = {};
  const operands: string[] = [];
  const { defaults, assumed = {}, operands: unlisted = {}, usualInput, restated }: ReadRule = rules[op];
  const positions = new Set<number>();
  const operand = (name: string, position: number, float = false): boolean => {
    positions.add(position);
    const source = node.inputs[position] ?? '';
    if (source === '') return true;
    const value = operandValue(constantOf(source), float);
    if (value === undefined) return false;
    operands.push(source);
    // Empty axes are ONNX's other way of leaving them out.
    if (!(name === 'axes' && value.length === 0)) stated[name] = value;
    return true;
  };
  for (const [name, kind] of Object.entries(kinds)) {
    if (!isOperandKind(kind)) continue;
    const { position, float, optional } = operandOf(kind);
    if (optional) stated[name] = [];
    if (!operand(name, position, float)) return undefined;
  }
  for (const [name, position] of Object.entries(unlisted)) if (!operand(name, position)) return undefined;
  node.inputs.forEach((source, position) => {
    const constant = constantOf(source);
    if (constant === undefined || usualInput?.(position, constant) !== true) return;
    positions.add(position);
    operands.push(source);
  });
  // Constant operands stand at positions of their own; the table's inputs fill the others in order.
  const inputs = node.inputs.filter((_, position) => !positions.has(position));
  while (inputs.at(-1) === '') inputs.pop();
  if (!variadic && inputs.length > names.length) return undefined;

  const beyondTable: [string, Value][] = [];
  for (const [name, attribute] of node.attributes) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const value = plainValue(attribute);
    if (value === undefined) return undefined;
    if (kind === undefined) beyondTable.push([name, value]);
    else if (!fits(kind, attribute)) return undefined;
    else if (kind === 'dtype') {
      const dtype = dtypeOf(Number(value));
      if (dtype === undefined) return undefined;
      stated[name] = dtype;
      continue;
    }
    stated[name] = value;
  }
  const context: Context = {
    inputs: inputs.map((name) => (name === '' ? undefined : typeOf(name))),
    outputCount: node.outputCount,
    stated,
  };
  const usual = beyondTable.every(
    ([name, value]) => Object.hasOwn(assumed, name) && assumed[name]?.(value, context) === true,
  );
  if (!usual) return undefined;

  const given: Values = { ...defaults?.(context), ...stated };
  const changes = restated === undefined ? {} : restated({ ...context, stated: given });
  if (changes === undefined) return undefined;
  const complete: Values = { ...given, ...changes };
  const attributes: Record<string, Value> = {};
  for (const name of Object.keys(kinds)) {
    const value = complete[name];
    if (value === undefined) return undefined;
    attributes[name] = Array.isArray(value) ? Object.freeze([...(value as readonly number[])]) : value;
  }
  return { inputs, operands, attributes: Object.freeze(attributes) as OpNode['attributes'] };
}
