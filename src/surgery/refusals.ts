import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';
import type { NotFound } from './found-classifier.ts';
import { nodesBefore } from './links.ts';

const controlFlow = new Set(['If', 'Loop', 'Scan', 'SequenceMap']);

/** QLinearConv, com.microsoft.QLinearAdd, MatMulInteger, ConvInteger, MatMulNBits, QGemm, DequantizeLinear … */
const quantised =
  /(^|\.)(QLinear\w*|QGemm|QAttention|\w+Integer\w*|\w*QuantizeLinear|\w*DequantizeLinear|\w+NBits|\w+Fp4)$/;

/** How many nodes an error names before it counts the rest. */
const NAMED = 5;

/** Node names with their operators, for an error. */
export function nodeList(nodes: readonly GraphNode[], most = NAMED): string {
  const named = nodes.slice(0, most).map((node) => `${node.name} (${operatorName(node)})`);
  const more = nodes.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Whether an operator computes on integers that stand for real numbers. */
export function isQuantised(operator: string): boolean {
  return quantised.test(operator);
}

/** Why nothing can be done with what leads to this output, whatever its classifier is; `undefined` where nothing stands against it. */
export function refusalOf(graph: Graph, output: string): NotFound | undefined {
  const nodes = nodesBefore(graph, output);
  const branching = nodes.filter((node) => controlFlow.has(operatorName(node)));
  if (branching.length > 0) {
    return {
      summary: 'the model has control flow, which fixhead does not look into',
      fields: {
        received: nodeList(branching),
        hint: 'export the model without it, for one fixed path (in PyTorch: torch.jit.trace instead of script)',
      },
    };
  }
  const integer = nodes.filter((node) => isQuantised(operatorName(node)));
  if (integer.length > 0) {
    return {
      summary: 'the model is already quantised',
      fields: { received: nodeList(integer), hint: 'fix the float model, and quantise what comes out' },
    };
  }
  return undefined;
}
