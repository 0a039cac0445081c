import type { onnx } from 'onnx-proto';
import { inputError } from '../core/errors.ts';
import { AttributeProto, AttributeType } from './onnx-common.ts';

/** A node of a file with the versions of the operator sets that hold where it was written. */
export interface PlacedNode {
  readonly proto: onnx.INodeProto;
  readonly versions: ReadonlyMap<string, number>;
}

interface Local {
  readonly proto: onnx.IFunctionProto;
  readonly versions: ReadonlyMap<string, number>;
  readonly defaults: ReadonlyMap<string, onnx.IAttributeProto>;
}

/** Nodes that calls may come to: a function that calls two others ten times over is a small file. */
const MOST_NODES = 500_000;

const keyOf = (domain: string, name: string): string => `${domain}\n${name}`;

/**
 * The nodes of a graph with calls of the model's own functions replaced by their nodes
 * (https://github.com/onnx/onnx/blob/main/docs/IR.md#functions). Values inside a call get the call's name in front.
 *
 * @throws an input error for functions that call themselves, hold sub-graphs or come to too many nodes
 */
export function inlineFunctions(
  model: onnx.IModelProto,
  nodes: readonly onnx.INodeProto[],
  versionsOf: (imports: readonly onnx.IOperatorSetIdProto[] | null | undefined) => ReadonlyMap<string, number>,
  normalDomain: (domain: string | null | undefined) => string,
  defaultBytes: readonly (readonly Uint8Array[])[],
  where: string,
): readonly PlacedNode[] {
  const versions = versionsOf(model.opsetImport);
  const locals = new Map<string, Local>();
  (model.functions ?? []).forEach((proto, index) => {
    const key = keyOf(normalDomain(proto.domain), proto.name ?? '');
    if (locals.has(key)) throw inputError(`two functions are named ${proto.name ?? ''}`, { where });
    const defaults = (defaultBytes[index] ?? []).map((bytes) => AttributeProto.decode(bytes));
    locals.set(key, {
      proto,
      versions: new Map([...versions, ...versionsOf(proto.opsetImport)]),
      defaults: new Map(defaults.map((each) => [each.name, each])),
    });
  });
  if (locals.size === 0) return nodes.map((proto) => ({ proto, versions }));

  const taken = new Set(nodes.flatMap((node) => [...(node.output ?? []), ...(node.input ?? [])]));
  const placed: PlacedNode[] = [];
  const put = (node: PlacedNode): void => {
    if (placed.length >= MOST_NODES) {
      throw inputError('the functions of the model come to too many nodes', { where, expected: `up to ${MOST_NODES}` });
    }
    placed.push(node);
  };
  const fresh = (stem: string): string => {
    let name = stem;
    for (let count = 1; taken.has(name); count++) name = `${stem}_${count}`;
    taken.add(name);
    return name;
  };

  const expand = (node: PlacedNode, callers: readonly string[]): void => {
    const key = keyOf(normalDomain(node.proto.domain), node.proto.opType ?? '');
    const local = locals.get(key);
    if (local === undefined) {
      put(node);
      return;
    }
    const at = `${where}: function ${local.proto.name ?? ''}`;
    if (callers.includes(key)) throw inputError('the function calls itself', { where: at });
    const call = node.proto;
    const path = call.name || call.output?.find((output) => output !== '') || local.proto.name || 'call';
    const names = new Map<string, string>([['', '']]);
    (local.proto.input ?? []).forEach((name, index) => names.set(name, call.input?.[index] ?? ''));
    const copies: [from: string, to: string][] = [];
    (local.proto.output ?? []).forEach((name, index) => {
      const outside = call.output?.[index] ?? '';
      if (outside === '') return;
      // An output that is an input, or the same value as another output, needs a node of its own.
      if (names.has(name)) copies.push([names.get(name) ?? '', outside]);
      else names.set(name, outside);
    });
    const renamed = (name: string): string => {
      let inside = names.get(name);
      if (inside === undefined) names.set(name, (inside = fresh(`${path}/${name}`)));
      return inside;
    };
    const given = new Map((call.attribute ?? []).map((each) => [each.name ?? '', each]));
    for (const inner of local.proto.node ?? []) {
      const attribute = (inner.attribute ?? []).flatMap((each) => {
        if (each.type === AttributeType.GRAPH || each.type === AttributeType.GRAPHS) {
          throw inputError('functions with control flow inside are not supported', {
            where: `${at}: node ${inner.name ?? ''} (${inner.opType ?? ''})`,
            hint: 'inline them first (in Python: onnx.inliner.inline_local_functions)',
          });
        }
        const source = each.refAttrName ?? '';
        if (source === '') return [each];
        const value = given.get(source) ?? local.defaults.get(source);
        // Created anew: a spread would lose the defaults of fields that the file leaves out.
        return value === undefined ? [] : [AttributeProto.create({ ...value, name: each.name ?? '' })];
      });
      const proto: onnx.INodeProto = {
        ...inner,
        name: `${path}/${inner.name || (inner.output?.[0] ?? inner.opType ?? '')}`,
        input: (inner.input ?? []).map(renamed),
        output: (inner.output ?? []).map(renamed),
        opType: inner.opType ?? '',
        domain: inner.domain ?? '',
        attribute,
      };
      expand({ proto, versions: local.versions }, [...callers, key]);
    }
    for (const [from, to] of copies) {
      put({
        proto: { opType: 'Identity', domain: '', name: to, input: [from], output: [to] },
        versions: local.versions,
      });
    }
  };
  for (const proto of nodes) expand({ proto, versions }, []);
  return placed;
}
