import { isStatic, sameShape, type Shape } from '../core/shape.ts';
import { createBuilder } from '../graph/builder.ts';
import { foldConstants } from '../graph/fold.ts';
import type { Graph } from '../graph/graph.ts';

/** Stand-in: replays the nodes on inputs of these shapes. */
export function bindInputs(graph: Graph, shapes: ReadonlyMap<string, Shape>): Graph {
  if ([...shapes].every(([name, shape]) => sameShape(shape, graph.types.get(name)?.shape ?? [])))
    return foldConstants(graph);
  const b = createBuilder(graph.name);
  for (const name of graph.inputs) {
    const type = graph.types.get(name);
    b.input(name, type?.dtype ?? 'float32', shapes.get(name) ?? type?.shape ?? []);
  }
  for (const [name, value] of graph.initializers) b.named(name, value);
  for (const node of graph.nodes) {
    const foreign = node.outputs.flatMap((name) => {
      const type = graph.types.get(name);
      return type === undefined || !isStatic(type.shape) ? [] : [[name, type] as const];
    });
    b.raw(node, new Map(foreign));
  }
  for (const name of graph.outputs) b.output(b.value(name));
  return foldConstants(b.build());
}
