import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { Head, ObjectiveOptions } from '../../src/heads/head.ts';
import type { StepFeeds } from '../../src/heads/sampled-softmax.ts';
import { createLayerContext } from '../../src/nn/layer-context.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph, toNdArray } from '../reference/evaluate.ts';

/** What a head minimises as a graph from features `x`, `labels` and its parameters to `loss` and `correct`. */
export interface ObjectiveStep {
  readonly graph: Graph;
  /** Random features, parameters and buffers; label 0, one from the middle, the last one … */
  readonly feeds: Map<string, NdArray>;
  /** The features and the parameters. */
  readonly wrt: readonly string[];
  readonly drawn: StepFeeds | undefined;
}

export const OBJECTIVE_BATCH = 3;

/** A head's objective on a batch of three. */
export function objectiveStep(head: Head, options: ObjectiveOptions, key = 'x'): ObjectiveStep {
  const b = createBuilder('objective');
  const c = createLayerContext(b);
  const x = b.input('x', 'float32', [OBJECTIVE_BATCH, head.features]);
  const labels = b.input('labels', 'int32', [OBJECTIVE_BATCH]);
  const objective = head.objective(c, x, labels, options);
  b.output(objective.loss, 'loss');
  b.output(objective.correct, 'correct');
  const random = randomStream('objective', key);
  const drawn = (shape: readonly number[], spread: number): NdArray => ({
    shape,
    data: new Float64Array(sizeOf(shape)).map(() => Math.fround(spread * random.normal())),
  });
  const feeds = new Map<string, NdArray>([['x', drawn([OBJECTIVE_BATCH, head.features], 1)]]);
  const last = head.classes - 1;
  feeds.set('labels', { shape: [OBJECTIVE_BATCH], data: Float64Array.of(0, Math.floor(last / 2), last) });
  const { parameters, buffers } = c.tensors();
  for (const { name, shape } of [...parameters, ...buffers]) feeds.set(name, drawn(shape, 0.5));
  if (feeds.has('head.scale')) feeds.set('head.scale', { shape: [1], data: Float64Array.of(3) });
  if (feeds.has('head.log_scale')) feeds.set('head.log_scale', { shape: [1], data: Float64Array.of(1) });
  for (const [name, value] of Object.entries(objective.feeds?.(7, 1) ?? {})) feeds.set(name, toNdArray(value));
  return { graph: b.build(), feeds, wrt: ['x', ...parameters.map(({ name }) => name)], drawn: objective.feeds };
}

/** A step's outputs and all its gradients (as `gradient/NAME`), as a graph. */
export function withGradients({ graph, wrt }: ObjectiveStep): Graph {
  const result = gradients(graph, { loss: 'loss', wrt });
  const b = createBuilder('with gradients', result.graph);
  for (const [name, value] of result.gradients) b.output(b.value(value), `gradient/${name}`);
  return b.build();
}

/** Values of the outputs and of all gradients, in float64. */
export function evaluateStep(step: ObjectiveStep): ReadonlyMap<string, NdArray> {
  const graph = withGradients(step);
  const values = evaluateGraph(graph, step.feeds);
  return new Map(graph.outputs.map((name) => [name, defined(values.get(name), name)]));
}
