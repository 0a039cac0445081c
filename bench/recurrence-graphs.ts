import { gradients } from '../src/autodiff/gradients.ts';
import { defined } from '../src/core/errors.ts';
import type { StaticShape } from '../src/core/shape.ts';
import { createBuilder, type Builder, type Value } from '../src/graph/builder.ts';
import { mul, reduceSum } from '../src/graph/functions.ts';
import type { ForeignAttribute, Graph, TensorType } from '../src/graph/graph.ts';
import { createLayerContext } from '../src/nn/layer-context.ts';
import { lstm } from '../src/nn/lstm.ts';

/** A stack of LSTM layers whose inputs are as wide as their states. */
export interface RecurrenceSizes {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  readonly layers: number;
}

/** `forward`: the outputs of all steps; `step`: also the gradients of Σ output·upstream in x and all weights. */
export type RecurrencePart = 'forward' | 'step';

export interface LayerInputs {
  readonly state: { readonly hidden: Value; readonly cell: Value };
  readonly weightIh: Value;
  readonly weightHh: Value;
  readonly bias: Value;
}

/** Inputs of one layer, by the names that a layer context gives. */
export function layerInputs(b: Builder, layer: number, { batch, hidden }: RecurrenceSizes): LayerInputs {
  const input = (name: string, ...shape: StaticShape): Value => b.input(`${layer}.${name}`, 'float32', shape);
  return {
    state: { hidden: input('h', batch, hidden), cell: input('c', batch, hidden) },
    weightIh: input('weight_ih', 4 * hidden, hidden),
    weightHh: input('weight_hh', 4 * hidden, hidden),
    bias: input('bias', 4 * hidden),
  };
}

export const windowShape = ({ steps, batch, hidden }: RecurrenceSizes): StaticShape => [steps, batch, hidden];

/** The layers as fixhead trains them: steps written out one after the other, differentiated operator by operator. */
export function unrolledGraph(sizes: RecurrenceSizes, part: RecurrencePart): Graph {
  const { batch, hidden, layers } = sizes;
  const b = createBuilder('unrolled');
  const c = createLayerContext(b);
  let y = b.input('x', 'float32', windowShape(sizes));
  for (let layer = 0; layer < layers; layer++) {
    const state = {
      hidden: b.input(`${layer}.h`, 'float32', [batch, hidden]),
      cell: b.input(`${layer}.c`, 'float32', [batch, hidden]),
    };
    y = c.layer(String(layer), () => lstm(c, y, state, hidden)).output;
  }
  b.output(y, 'y');
  if (part === 'forward') return b.build();
  const loss = reduceSum(b, mul(b, y, b.input('upstream', 'float32', windowShape(sizes))), [0, 1, 2]);
  const result = gradients(b.build(), {
    loss: loss.name,
    wrt: ['x', ...c.tensors().parameters.map(({ name }) => name)],
  });
  const complete = createBuilder('unrolled', result.graph);
  for (const [name, gradient] of result.gradients) complete.output(complete.value(gradient), `gradient ${name}`);
  return complete.build();
}

/** Adds a node of an operator that the table does not have and returns its float32 outputs. */
export function foreignNode(
  b: Builder,
  opType: string,
  name: string,
  inputs: readonly (Value | undefined)[],
  outputs: readonly StaticShape[],
  attributes: Readonly<Record<string, bigint | readonly bigint[]>>,
): readonly Value[] {
  const names = outputs.map((_, index) => `${name}.${index}`);
  const types = new Map<string, TensorType>(
    outputs.map((shape, index) => [`${name}.${index}`, { dtype: 'float32', shape }]),
  );
  const node = {
    kind: 'foreign',
    opType,
    domain: '',
    version: 18,
    name,
    inputs: inputs.map((value) => value?.name ?? ''),
    outputs: names,
    attributes: new Map<string, ForeignAttribute>(
      Object.entries(attributes).map(([key, value]) => [
        key,
        typeof value === 'bigint' ? { kind: 'int', value } : { kind: 'ints', value },
      ]),
    ),
  } as const;
  b.raw(node, types);
  return names.map((one) => b.value(one));
}

export const only = (values: readonly Value[], name: string): Value => defined(values[0], name);
