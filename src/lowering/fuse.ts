import type { Graph, GraphNode, OpNode } from '../graph/graph.ts';
import { prune } from './tidy.ts';

/**
 * Peepholes that hold on every device: sums and ReLUs move into the macro operator that produced their operand, where a
 * lowering can often have them for free. Each fires only when the intermediate value has no other reader.
 */
export function fuse(graph: Graph): Graph {
  return prune(fuseRelus(fuseSums(graph)));
}

type Fusable = OpNode<'BatchNormTraining' | 'ConvInputGrad'>;

interface Uses {
  /** Positions of the nodes that read a value; a graph output counts as a reader at the end. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
  /** Position of the node that defines a value; inputs and initializers have none. */
  readonly definedAt: ReadonlyMap<string, number>;
}

function usesOf(nodes: readonly (GraphNode | undefined)[], outputs: readonly string[]): Uses {
  const readers = new Map<string, number[]>();
  const definedAt = new Map<string, number>();
  const read = (name: string, position: number): void => {
    const known = readers.get(name);
    if (known === undefined) readers.set(name, [position]);
    else known.push(position);
  };
  nodes.forEach((node, position) => {
    node?.inputs.forEach((name) => {
      read(name, position);
    });
    node?.outputs.forEach((name) => definedAt.set(name, position));
  });
  for (const name of outputs) read(name, nodes.length);
  return { readers, definedAt };
}

const sumInput = { BatchNormTraining: 3, ConvInputGrad: 2 } as const;

/** The producer of `name` if it can still take a sum and `name` has no other reader. */
function takesSum(nodes: readonly (GraphNode | undefined)[], uses: Uses, name: string): Fusable | undefined {
  const node = nodes[uses.definedAt.get(name) ?? -1];
  if (node?.kind !== 'op' || node.outputs[0] !== name || uses.readers.get(name)?.length !== 1) return undefined;
  if (node.op === 'ConvInputGrad') return node.inputs.length <= sumInput.ConvInputGrad ? node : undefined;
  if (node.op !== 'BatchNormTraining' || node.attributes.relu === 1) return undefined;
  return node.inputs.length <= sumInput.BatchNormTraining ? node : undefined;
}

function withSum(node: Fusable, sum: string, result: string): GraphNode {
  const inputs = [...node.inputs];
  while (inputs.length < sumInput[node.op]) inputs.push('');
  return Object.freeze({ ...node, inputs: [...inputs, sum], outputs: [result, ...node.outputs.slice(1)] });
}

/** `Add(BatchNormTraining(..), other)` and `Add(ConvInputGrad(..), other)`, either way round: `other` becomes the sum. */
function fuseSums(graph: Graph): Graph {
  const nodes: (GraphNode | undefined)[] = [...graph.nodes];
  let uses = usesOf(nodes, graph.outputs);
  const at = (name: string | undefined): number => (name === undefined ? -1 : (uses.definedAt.get(name) ?? -1));
  graph.nodes.forEach((add, position) => {
    if (add.kind !== 'op' || add.op !== 'Add') return;
    const [a = '', c = ''] = add.inputs;
    const result = add.outputs[0] ?? '';
    // The sum must have the shape of the result: a broadcast operand stays an Add.
    const sizes = [a, c, result].map((name) => graph.types.get(name)?.shape.join());
    if (a === c || new Set(sizes).size !== 1) return;
    // Of two candidates the later one keeps its place: the other operand is defined by then.
    const [later, earlier] = at(a) > at(c) ? [a, c] : [c, a];
    for (const [name, other] of [
      [later, earlier],
      [earlier, later],
    ] as const) {
      const node = takesSum(nodes, uses, name);
      if (node === undefined) continue;
      const home = at(name);
      const target = at(other) < home ? home : position;
      // Moving the node to where the Add stood must not overtake a reader of its statistics.
      const early = node.outputs.slice(1).flatMap((output) => uses.readers.get(output) ?? []);
      if (target === position && early.some((reader) => reader < position)) continue;
      nodes[home] = undefined;
      nodes[position] = undefined;
      nodes[target] = withSum(node, other, result);
      uses = usesOf(nodes, graph.outputs);
      return;
    }
  });
  return { ...graph, nodes: nodes.filter((node) => node !== undefined) };
}

/** `Relu(BatchNormTraining(..))` becomes the relu attribute. */
function fuseRelus(graph: Graph): Graph {
  const nodes: (GraphNode | undefined)[] = [...graph.nodes];
  const uses = usesOf(nodes, graph.outputs);
  graph.nodes.forEach((relu, position) => {
    if (relu.kind !== 'op' || relu.op !== 'Relu') return;
    const [name = ''] = relu.inputs;
    const home = uses.definedAt.get(name) ?? -1;
    const node = nodes[home];
    if (node?.kind !== 'op' || node.op !== 'BatchNormTraining' || node.attributes.relu === 1) return;
    if (node.outputs[0] !== name || uses.readers.get(name)?.length !== 1) return;
    const outputs = [...relu.outputs, ...node.outputs.slice(1)];
    nodes[home] = Object.freeze({ ...node, outputs, attributes: { ...node.attributes, relu: 1 } });
    nodes[position] = undefined;
  });
  return { ...graph, nodes: nodes.filter((node) => node !== undefined) };
}
