import type { onnx } from 'onnx-proto';
import { inputError } from '../core/errors.ts';

/** Values by name, each defined once. */
export function collect<P extends { readonly name?: string | null }, T>(
  protos: readonly P[] | null | undefined,
  what: string,
  where: string,
  read: (proto: P, name: string) => T,
): Map<string, T> {
  const values = new Map<string, T>();
  for (const proto of protos ?? []) {
    const name = proto.name ?? '';
    if (name === '') throw inputError(`${what} without a name`, { where });
    if (values.has(name)) throw inputError(`two ${what}s are named ${name}`, { where });
    values.set(name, read(proto, name));
  }
  return values;
}

/** Names without the absent ones at the end, which a file may or may not list. */
export const withoutTrailingBlanks = (names: readonly string[] | null | undefined): readonly string[] => {
  const list = [...(names ?? [])];
  while (list.at(-1) === '') list.pop();
  return Object.freeze(list);
};

/** Every node needs a name of its own; files often leave them out or repeat them. */
export function nodeNamer(): (proto: onnx.INodeProto) => string {
  const used = new Set<string>();
  const counters = new Map<string, number>();
  return (proto) => {
    const stem = proto.name || proto.output?.find((output) => output !== '') || proto.opType || 'node';
    let count = counters.get(stem) ?? 0;
    let name = stem;
    while (used.has(name)) name = `${stem}_${++count}`;
    counters.set(stem, count);
    used.add(name);
    return name;
  };
}

/** Names that no value and no node has, of a stem and a counter. */
export function freshNames(given: readonly string[]): (stem: string) => string {
  const taken = new Set(given);
  const counters = new Map<string, number>();
  return (stem) => {
    let count = counters.get(stem) ?? 0;
    let name = stem;
    while (taken.has(name)) name = `${stem}_${++count}`;
    counters.set(stem, count);
    taken.add(name);
    return name;
  };
}

/** The names of dimensions that the file uses. */
export function dimensionNames(proto: onnx.IGraphProto): ReadonlySet<string> {
  const names = new Set<string>();
  for (const info of [...(proto.input ?? []), ...(proto.output ?? []), ...(proto.valueInfo ?? [])]) {
    for (const dim of info.type?.tensorType?.shape?.dim ?? []) names.add(dim.dimParam ?? '');
  }
  return names;
}

/** Names for dimensions that have neither size nor name; none that the file uses itself. */
export function dimensionNamer(proto: onnx.IGraphProto): () => string {
  const used = dimensionNames(proto);
  let count = 0;
  return () => {
    let name = `unknown_${count++}`;
    while (used.has(name)) name = `unknown_${count++}`;
    return name;
  };
}
