import { defined } from '../core/errors.ts';
import type { Builder } from '../graph/builder.ts';
import type { Graph, GraphNode, TensorType } from '../graph/graph.ts';

/** Gives every value and node that is copied a name of its own. */
export interface Naming {
  /** The new name of a value that was placed already. */
  readonly of: (value: string) => string;
  /** Says what a value of the graph is called in the builder. */
  readonly place: (value: string, name: string) => void;
  /** A name that is not taken, and takes it. */
  readonly fresh: (stem: string) => string;
}

/** Names for what is copied into a builder; what the builder has, and `reserved` names, are not given out. */
export function namingIn(b: Builder, reserved: Iterable<string> = []): Naming {
  const names = new Map<string, string>();
  const taken = new Set(reserved);
  return {
    of: (value) => (value === '' ? '' : defined(names.get(value), `value ${value}`)),
    place: (value, name) => {
      names.set(value, name);
    },
    fresh: (stem) => {
      let candidate = stem;
      for (let count = 1; taken.has(candidate) || b.has(candidate); count++) candidate = `${stem}_${count}`;
      taken.add(candidate);
      return candidate;
    },
  };
}

/** Copies nodes of a graph into a builder; results are called as `rename` says, nodes too unless `renameNode` says otherwise; all made unique. */
export function copyNodes(
  b: Builder,
  graph: Graph,
  nodes: readonly GraphNode[],
  {
    naming,
    rename,
    renameNode = rename,
  }: {
    readonly naming: Naming;
    readonly rename: (name: string) => string;
    readonly renameNode?: (name: string) => string;
  },
): void {
  const nodeNames = new Set<string>();
  const nodeName = (name: string): string => {
    let candidate = renameNode(name);
    for (let count = 1; nodeNames.has(candidate); count++) candidate = `${renameNode(name)}_${count}`;
    nodeNames.add(candidate);
    return candidate;
  };
  for (const node of nodes) {
    const inputs = node.inputs.map(naming.of);
    const types = new Map<string, TensorType>();
    const outputs = node.outputs.map((output) => {
      if (output === '') return '';
      const name = naming.fresh(rename(output));
      naming.place(output, name);
      const type = graph.types.get(output);
      if (type !== undefined) types.set(name, type);
      return name;
    });
    b.raw(Object.freeze({ ...node, name: nodeName(node.name), inputs, outputs }), types);
  }
}

/** The name of a node or value without the slash with which some exporters begin every name. */
export const withoutSlash = (name: string): string => name.replace(/^\/+/, '');
