import { defined } from '../../src/core/errors.ts';
import { float32, type HostTensor } from '../../src/core/tensor.ts';
import { createBuilder, type Value } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { Geometry } from '../../src/heads/geometry.ts';
import type { Head } from '../../src/heads/head.ts';
import { createLayerContext, type LayerContext, type Weights } from '../../src/nn/layer-context.ts';
import { initialValues } from '../../src/nn/parameters.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';

function graphFrom(
  features: number,
  batch: number | 'batch',
  weights: Weights,
  body: (c: LayerContext, x: Value) => Value,
): Graph {
  const b = createBuilder('head');
  const x = b.input('x', 'float32', [batch, features]);
  b.output(body(createLayerContext(b, weights), x), 'y');
  return b.build();
}

/** The inner products of x `[batch, N]` with the class vectors, as a graph from `x` to `y`. */
export function productGraph(geometry: Geometry, batch: number | 'batch' = 'batch'): Graph {
  return graphFrom(geometry.features, batch, new Map(), (c, x) => geometry.product(c, x));
}

/** Any function of a matrix `x` `[batch, columns]` as a graph from `x` to `y`. */
export function blockGraph(
  geometry: Geometry,
  batch: number,
  body: (c: LayerContext, x: Value) => Value,
  columns = geometry.features,
): Graph {
  return graphFrom(columns, batch, new Map(), body);
}

/** The vectors of int32 `slots` `[count]` as a graph from `slots` to `y` `[count, N]`. */
export function rowsGraph(geometry: Geometry, count: number): Graph {
  const b = createBuilder('rows');
  const slots = b.input('slots', 'int32', [count]);
  b.output(geometry.rowsOf(createLayerContext(b, new Map()), slots), 'y');
  return b.build();
}

/** A head's logits as a graph from `x` to `y`. */
export function logitsGraph(head: Head, weights: Weights, batch: number | 'batch' = 'batch'): Graph {
  return graphFrom(head.features, batch, weights, (c, x) => head.logits(c, x));
}

/** A head's parameters as they start. */
export function initialHeadWeights(head: Head, seed = 0): Map<string, HostTensor> {
  const b = createBuilder('parameters');
  const c = createLayerContext(b);
  head.logits(c, b.input('x', 'float32', [1, head.features]));
  return new Map(c.tensors().parameters.map((spec) => [spec.name, float32(spec.shape, initialValues(spec, seed))]));
}

/** `y` of such a graph in float64. */
export function evaluateHead(graph: Graph, x: NdArray): NdArray {
  return defined(evaluateGraph(graph, new Map([['x', x]])).get('y'), 'y');
}
