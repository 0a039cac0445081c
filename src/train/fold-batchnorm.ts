import { defined } from '../core/errors.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import type { Graph, GraphNode, OpNode } from '../graph/graph.ts';
import { eliminateDeadNodes } from '../graph/passes.ts';

type Statistics = Record<'scale' | 'bias' | 'mean' | 'variance', Float32Array>;

function floatData(graph: Graph, name: string | undefined): Float32Array | undefined {
  const value = name === undefined ? undefined : graph.initializers.get(name);
  return value?.dtype === 'float32' ? value.data : undefined;
}

function statisticsOf(graph: Graph, node: OpNode<'BatchNormalization'>): Statistics | undefined {
  const [scale, bias, mean, variance] = node.inputs.slice(1).map((name) => floatData(graph, name));
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) return undefined;
  return { scale, bias, mean, variance };
}

/** w′ = w·s and b′ = (b − μ)·s + β per output channel, s = γ/√(σ² + ε); computed in float64. */
function foldedFilter(
  filter: HostTensor<'float32'>,
  bias: Float32Array | undefined,
  statistics: Statistics,
  epsilon: number,
) {
  const [channels = 0] = filter.shape;
  const perChannel = filter.data.length / channels;
  const factor = Float64Array.from(
    statistics.scale,
    (gamma, k) => gamma / Math.sqrt((statistics.variance[k] ?? 1) + epsilon),
  );
  const weight = filter.data.map((value, index) => value * (factor[Math.floor(index / perChannel)] ?? 1));
  const offset = Float32Array.from(
    statistics.bias,
    (beta, k) => ((bias?.[k] ?? 0) - (statistics.mean[k] ?? 0)) * (factor[k] ?? 1) + beta,
  );
  return { weight: float32(filter.shape, weight), bias: float32([channels], offset) };
}

/**
 * Folds inference BatchNormalization into the convolution before it: y = BN(w∗x + b) = w′∗x + b′. A BatchNormalization whose
 * convolution has other readers, or whose weights are not constants, stays.
 */
export function foldBatchNorm(graph: Graph): Graph {
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));

  const b = createBuilder(graph.name);
  for (const name of graph.inputs) {
    const type = defined(graph.types.get(name), name);
    b.input(name, type.dtype, type.shape);
  }
  for (const [name, value] of graph.initializers) b.named(name, value);
  const folded = new Set<GraphNode>();
  const replacement = new Map<GraphNode, OpNode<'Conv'>>();
  for (const node of graph.nodes) {
    if (node.kind !== 'op' || node.op !== 'BatchNormalization') continue;
    const source = producers.get(node.inputs[0] ?? '');
    if (source?.kind !== 'op' || source.op !== 'Conv' || readers.get(source.outputs[0] ?? '') !== 1) continue;
    const filter = graph.initializers.get(source.inputs[1] ?? '');
    const statistics = statisticsOf(graph, node);
    const biasData = floatData(graph, source.inputs[2]);
    if (
      filter?.dtype !== 'float32' ||
      statistics === undefined ||
      (source.inputs[2] !== undefined && biasData === undefined)
    )
      continue;
    const { weight, bias } = foldedFilter(filter, biasData, statistics, node.attributes.epsilon);
    const stem = source.inputs[1] ?? source.name;
    // Not `named`: two convolutions may share a filter.
    const names = [b.constant(weight, `${stem}.folded`).name, b.constant(bias, `${stem}.folded_bias`).name];
    folded.add(source);
    replacement.set(node, { ...source, inputs: [source.inputs[0] ?? '', ...names], outputs: node.outputs });
  }
  for (const node of graph.nodes) if (!folded.has(node)) b.raw(replacement.get(node) ?? node, graph.types);
  for (const output of graph.outputs) b.output(b.value(output));
  return eliminateDeadNodes(b.build());
}
