import { defined } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import type { Graph, GraphNode, OpNode, TensorType } from '../graph/graph.ts';
import { rename } from './tidy.ts';

/** Operands of a node being lowered: `input(i)` must be there, `optional(i)` may be absent. */
export interface Operands {
  readonly input: (index: number) => Value;
  readonly optional: (index: number) => Value | undefined;
}

/** The graph's nodes one after the other into a new builder, which starts with its inputs and initializers. */
export interface Pass {
  readonly builder: Builder;
  /** A float32 or integer constant that is built once for its key. */
  readonly constant: (key: string, make: () => HostTensor) => Value;
  /** The graph that was built, outputs named as before; `nameOf` gives the new value of an old name. */
  readonly finish: (nameOf: (name: string) => string) => Graph;
}

export function startPass(graph: Graph): Pass {
  const produced = new Set(graph.nodes.flatMap((node) => (node.kind === 'op' ? node.outputs : [])));
  const types = new Map<string, TensorType>([...graph.types].filter(([name]) => !produced.has(name)));
  const builder = createBuilder(graph.name, { ...graph, nodes: [], outputs: [], types });
  const constants = new Map<string, Value>();
  return {
    builder,
    constant: (key, make) => {
      let value = constants.get(key);
      if (value === undefined) {
        value = builder.constant(make(), key);
        constants.set(key, value);
      }
      return value;
    },
    finish: (nameOf) => {
      // An output takes its old name by renaming; a value that is needed under two names, by an Identity.
      const keep = new Set([...graph.inputs, ...graph.initializers.keys()]);
      const names = new Map<string, string>();
      for (const name of graph.outputs) {
        const value = nameOf(name);
        if (value === name) builder.output(builder.value(value));
        else if (keep.has(value) || graph.outputs.includes(value)) builder.output(builder.value(value), name);
        else {
          keep.add(value);
          names.set(value, name);
          builder.output(builder.value(value));
        }
      }
      return rename(builder.build(), names);
    },
  };
}

/** Adds the node as it is, reading the new names of its operands. */
export function copyNode(b: Builder, node: GraphNode, nameOf: (name: string) => string): void {
  b.raw(Object.freeze({ ...node, inputs: node.inputs.map((name) => (name === '' ? '' : nameOf(name))) }));
}

export function operandsOf(node: OpNode, valueOf: (name: string) => Value): Operands {
  const optional = (index: number): Value | undefined => {
    const name = node.inputs[index] ?? '';
    return name === '' ? undefined : valueOf(name);
  };
  return { optional, input: (index) => defined(optional(index), `input ${index} of ${node.name}`) };
}
