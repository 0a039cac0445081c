import { expect, test } from 'vitest';
import { defined } from '../core/errors.ts';
import { createBuilder, type Value } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { concat, mul, neg, reduceSum, reshape } from '../graph/functions.ts';
import type { Graph, GraphNode } from '../graph/graph.ts';
import { scheduleForMemory } from './schedule.ts';

/** ONNX Runtime's order: depth first from nodes without readers, the last one first, from the last operand's node first. */
function executionOrder({ nodes }: Graph): readonly string[] {
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const position = new Map(nodes.map((node, index) => [node, index]));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const order: string[] = [];
  const visited = new Set<GraphNode>();
  const visit = (node: GraphNode): void => {
    if (visited.has(node)) return;
    visited.add(node);
    const sources = node.inputs.flatMap((name) => producer.get(name) ?? []);
    sources.sort((a, b) => (position.get(b) ?? 0) - (position.get(a) ?? 0)).forEach(visit);
    order.push(node.name);
  };
  nodes
    .filter((node) => !node.outputs.some((name) => read.has(name)))
    .toReversed()
    .forEach(visit);
  return order;
}

const LAYERS = 4;

/** Activations forward, gradients backward, one large and one small gradient a layer; two packed vectors, their norm. */
function trainingGraph(withNorm: boolean): Graph {
  const b = createBuilder('training');
  let newest = b.input('x', 'float32', [8]);
  const activations = [newest];
  for (let layer = 1; layer <= LAYERS; layer++) activations.push((newest = neg(b, newest)));
  const activation = (layer: number): Value => defined(activations[layer], 'activation');
  let gradient = newest;
  const filters: Value[] = [];
  const biases: Value[] = [];
  for (let layer = LAYERS; layer >= 1; layer--) {
    gradient = b.scoped(`backward${layer}`, () => mul(b, gradient, activation(layer)));
    filters.unshift(b.scoped(`filter${layer}`, () => mul(b, gradient, activation(layer - 1))));
    biases.unshift(b.scoped(`bias${layer}`, () => reduceSum(b, gradient, [0])));
  }
  // The small vector behind the large one: searched first as it stands.
  const packed = [filters, biases].map((parts) =>
    concat(
      b,
      parts.map((part) => reshape(b, part, [-1])),
      0,
    ),
  );
  const norm = packed.map((vector) => reduceSum(b, mul(b, vector, vector), [0])).reduce((a, c) => mul(b, a, c));
  for (const vector of packed) b.output(withNorm ? mul(b, vector, norm) : neg(b, vector));
  return b.build();
}

const beside = (order: readonly string[]): boolean =>
  Array.from({ length: LAYERS - 1 }, (_, index) => LAYERS - index).every(
    (layer) => order.indexOf(`filter${layer}/Mul`) < order.indexOf(`backward${layer - 1}/Mul`),
  );

test.each([
  ['separate updates', false],
  ['an update scaled by the norm of all gradients', true],
])('each weight gradient runs before the next layer goes backward: %s', (_, withNorm) => {
  const graph = trainingGraph(withNorm);
  expect(beside(executionOrder(graph))).toBe(false);
  const scheduled = checkGraph(scheduleForMemory(graph), 'schedule');
  expect(beside(executionOrder(scheduled))).toBe(true);
  expect(scheduled.nodes.length).toBe(graph.nodes.length);
});
