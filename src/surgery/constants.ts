import { operatorName, type Graph } from '../graph/graph.ts';
import type { Links } from './links.ts';

/** An initializer that stands behind a value. */
export interface ConstantSource {
  readonly name: string;
  /** Whether a matrix was transposed on the way. */
  readonly transposed: boolean;
}

/** The initializer behind a name, through Transpose, Identity or Cast. */
export function constantBehind(graph: Graph, links: Links, name: string | undefined): ConstantSource | undefined {
  let transposed = false;
  for (let value = name; value !== undefined && value !== '';) {
    if (graph.initializers.has(value)) return { name: value, transposed };
    const node = links.producer(value);
    if (node === undefined || !['Transpose', 'Identity', 'Cast'].includes(operatorName(node))) return undefined;
    if (operatorName(node) === 'Transpose') transposed = !transposed;
    value = node.inputs[0];
  }
  return undefined;
}
