import type { Graph } from '../graph/graph.ts';
import { linksOf, nodesBefore, valuesBehind } from './links.ts';
import { isProduct } from './tail.ts';

/**
 * The section of each node before `features`, counted from the input: sections are parted where one value alone leads on, so that all later
 * nodes depend on the earlier ones only through it. After a residual sum there is such a point, inside a residual branch there is none.
 * Each section has at least one product with weights; what follows without one belongs to it.
 *
 * Only values that depend on the input and are floating-point count: shapes computed from the data lead nowhere.
 */
export function sectionsOf(graph: Graph, input: string, features: string): ReadonlyMap<string, number> {
  const links = linksOf(graph);
  const nodes = nodesBefore(graph, features);
  const fromInput = valuesBehind(graph, [input]);
  const carries = (name: string): boolean => {
    const dtype = graph.types.get(name)?.dtype;
    return fromInput.has(name) && (dtype === undefined || dtype.startsWith('float'));
  };
  const lastReader = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const name of node.inputs) lastReader.set(name, index);
  });
  lastReader.set(features, nodes.length);

  const sections = new Map<string, number>();
  const open = new Set([input]);
  let section = -1;
  let joined = true;
  nodes.forEach((node, index) => {
    if (isProduct(graph, links, node) && (joined || section === -1)) section++;
    if (isProduct(graph, links, node)) joined = false;
    sections.set(node.name, Math.max(section, 0));
    for (const name of node.outputs) if (carries(name) && lastReader.has(name)) open.add(name);
    for (const name of [...open]) if ((lastReader.get(name) ?? -1) <= index) open.delete(name);
    if (open.size === 1) joined = true;
  });
  return sections;
}
