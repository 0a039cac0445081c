import { gradientRules } from '../autodiff/gradients.ts';
import { isFloat } from '../autodiff/types.ts';
import { operatorName, type GraphNode } from '../graph/graph.ts';
import { opOf } from '../graph/onnx-common.ts';
import { trainedParameters, type TrainChoice } from './blocks.ts';
import { bodyOf } from './body.ts';
import type { Cut } from './cut.ts';

/** A node that a gradient would have to pass and cannot. */
export interface Unsupported {
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

function reasonOf(node: GraphNode): string | undefined {
  switch (node.kind) {
    case 'foreign':
      return opOf(node.domain, node.opType) === undefined
        ? 'fixhead does not know this operator'
        : 'this operator is used in a form that fixhead does not know';
    case 'op': {
      const rule = gradientRules[node.op];
      return typeof rule === 'function' ? undefined : rule.noGradient;
    }
    default:
      return node satisfies never;
  }
}

/** All nodes between the trained parameters and the features that have no gradient, in the graph's order. None where only the head is trained. */
export function unsupportedOnPath(cut: Cut, choice: TrainChoice): readonly Unsupported[] {
  const trained = trainedParameters(cut, choice);
  if (trained.length === 0) return [];
  const graph = bodyOf(cut, trained, typeof cut.batch === 'number' ? cut.batch : 2);
  const reached = new Set(trained.map(({ name }) => name));
  const found: Unsupported[] = [];
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => reached.has(name))) continue;
    // A gradient stops at integers and booleans.
    const outputs = node.outputs.filter((name) => isFloat(graph.types.get(name)?.dtype ?? 'float32'));
    if (outputs.length === 0) continue;
    for (const name of outputs) reached.add(name);
    const reason = reasonOf(node);
    if (reason !== undefined) found.push(Object.freeze({ node: node.name, operator: operatorName(node), reason }));
  }
  return Object.freeze(found);
}

/** The nodes by operator and reason, for an error: each operator once, all of its nodes. */
export function unsupportedText(list: readonly Unsupported[]): string {
  const kinds = new Map<string, string[]>();
  for (const { node, operator, reason } of list) {
    const key = `${operator} (${reason})`;
    kinds.set(key, [...(kinds.get(key) ?? []), node]);
  }
  return Array.from(kinds, ([kind, nodes]) => `${kind}: ${nodes.join(', ')}`).join('; ');
}
