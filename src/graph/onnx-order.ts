import { inputError } from '../core/errors.ts';
import type { ForeignNode } from './graph.ts';

/** A node as it is listed in a file. */
export type ListedNode = Omit<ForeignNode, 'kind'>;

/**
 * The nodes in an order in which they can run: the given one where that is valid, else each node after the producers of its
 * inputs. `given` are the values that no node produces. Depth first without recursion: chains can be 10^5 nodes long.
 *
 * @throws input error for a value that is defined twice or nowhere, and for a cycle
 */
export function inTopologicalOrder(
  nodes: readonly ListedNode[],
  given: readonly string[],
  where: string,
): readonly ListedNode[] {
  const outside = new Set(given);
  const producers = new Map<string, ListedNode>();
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (outside.has(name) || producers.has(name)) {
        throw inputError(`value ${name} is defined twice`, { where: `${where}: node ${node.name} (${node.opType})` });
      }
      producers.set(name, node);
    }
  }

  const ordered: ListedNode[] = [];
  const state = new Map<ListedNode, 'open' | 'done'>();
  for (const root of nodes) {
    if (state.has(root)) continue;
    state.set(root, 'open');
    const path = [{ node: root, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { node } = top;
      const name = node.inputs[top.next++];
      if (name === undefined) {
        path.pop();
        state.set(node, 'done');
        ordered.push(node);
        continue;
      }
      if (name === '' || outside.has(name)) continue;
      const producer = producers.get(name);
      if (producer === undefined) {
        throw inputError(`input ${name} is not defined anywhere`, {
          where: `${where}: node ${node.name} (${node.opType})`,
        });
      }
      if (state.get(producer) === 'open') {
        throw inputError('the nodes form a cycle', {
          where,
          received: `node ${node.name} needs ${name}, which node ${producer.name} makes out of it`,
        });
      }
      if (!state.has(producer)) {
        state.set(producer, 'open');
        path.push({ node: producer, next: 0 });
      }
    }
  }
  return ordered;
}
