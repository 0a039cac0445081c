import { defined } from '../../src/core/errors.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { applyOptimizer, slotNames, stepScalars, type OptimizerSpec } from '../../src/optim/optimizer.ts';
import type { NdArray } from '../reference/array.ts';

export const vector = (data: ArrayLike<number>): NdArray => ({ shape: [data.length], data: Float64Array.from(data) });
export const number = (value: number): NdArray => ({ shape: [], data: Float64Array.of(value) });

/** One update of a vector of parameters as a graph; state and scalars are inputs, `next/…` the outputs. */
export function updateGraph(spec: OptimizerSpec, length: number, decay = true): Graph {
  const b = createBuilder('update');
  const parameters = b.input('parameters', 'float32', [length]);
  const gradient = b.input('gradient', 'float32', [length]);
  const slots = slotNames(spec).map((slot) => b.input(slot, 'float32', [length]));
  for (const name of Object.keys(stepScalars(spec, 1, 1))) b.input(name, 'float32', []);
  const update = applyOptimizer(b, spec, { parameters, gradient, slots, scalars: b.value, decay });
  b.output(update.parameters, 'next/parameters');
  slotNames(spec).forEach((slot, index) => {
    b.output(defined(update.slots[index], slot), `next/${slot}`);
  });
  return b.build();
}

export type Evaluate = (
  graph: Graph,
  feeds: ReadonlyMap<string, NdArray>,
) => ReadonlyMap<string, NdArray> | Promise<ReadonlyMap<string, NdArray>>;

/** The parameters after each step from `start`; `gradientOf` gets the current ones and the step, from 1. */
export async function optimize(
  spec: OptimizerSpec,
  start: readonly number[],
  rates: readonly number[],
  gradientOf: (parameters: Float64Array, step: number) => readonly number[],
  evaluate: Evaluate,
  decay = true,
): Promise<readonly Float64Array[]> {
  const graph = updateGraph(spec, start.length, decay);
  const state = new Map<string, NdArray>([['parameters', vector(start)]]);
  for (const slot of slotNames(spec)) state.set(slot, vector(start.map(() => 0)));
  const trajectory: Float64Array[] = [];
  for (const [index, rate] of rates.entries()) {
    const step = index + 1;
    const feeds = new Map(state);
    feeds.set('gradient', vector(gradientOf(defined(state.get('parameters'), 'parameters').data, step)));
    for (const [name, value] of Object.entries(stepScalars(spec, step, rate))) feeds.set(name, number(value));
    const values = await evaluate(graph, feeds);
    for (const name of state.keys()) state.set(name, defined(values.get(`next/${name}`), name));
    trajectory.push(defined(state.get('parameters'), 'parameters').data);
  }
  return trajectory;
}
