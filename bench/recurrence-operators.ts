import type { onnx } from 'onnx-proto';
import { defined } from '../src/core/errors.ts';
import type { StaticShape } from '../src/core/shape.ts';
import { createBuilder, type Value } from '../src/graph/builder.ts';
import {
  add,
  concat,
  matmul,
  mul,
  reduceSum,
  reshape,
  sigmoid,
  slice,
  split,
  sub,
  tanh,
  transpose,
} from '../src/graph/functions.ts';
import type { Graph } from '../src/graph/graph.ts';
import { AttributeType, ModelProto } from '../src/graph/onnx-common.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import {
  foreignNode,
  layerInputs,
  only,
  windowShape,
  type RecurrencePart,
  type RecurrenceSizes,
} from './recurrence-graphs.ts';

/** The layers as ONNX's LSTM operator, forward. Its gates are i, o, f, g, and it has two biases. */
export function operatorBytes(sizes: RecurrenceSizes): Uint8Array {
  const { steps, batch, hidden, layers } = sizes;
  const b = createBuilder('LSTM');
  const reordered = (value: Value): Value => {
    const [i = value, f = value, g = value, o = value] = split(b, value, [hidden, hidden, hidden, hidden], 0);
    return b.op('Unsqueeze', [concat(b, [i, o, f, g], 0)], { axes: [0] });
  };
  const stacked = (value: Value): Value => reshape(b, value, [1, batch, hidden]);
  let y = b.input('x', 'float32', windowShape(sizes));
  for (let layer = 0; layer < layers; layer++) {
    const { state, weightIh, weightHh, bias } = layerInputs(b, layer, sizes);
    const both = concat(b, [reordered(bias), mul(b, reordered(bias), 0)], 1);
    const given = [
      y,
      reordered(weightIh),
      reordered(weightHh),
      both,
      undefined,
      stacked(state.hidden),
      stacked(state.cell),
    ];
    const shape = [steps, 1, batch, hidden];
    const outputs = foreignNode(b, 'LSTM', `lstm${layer}`, given, [shape], { hidden_size: BigInt(hidden) });
    y = reshape(b, only(outputs, 'Y'), windowShape(sizes));
  }
  b.output(y, 'y');
  return toOnnx(b.build());
}

/** A step of a Scan: a graph whose inputs are the states, the slices and what it sees of the graph around it. */
interface Body {
  readonly graph: Graph;
  /** Inputs that are values of the graph around it. */
  readonly outer: readonly string[];
}

/** One step: h, c and x_t·W_ihᵀ + b to h, c, and to what is kept of the step. */
function forwardBody({ batch, hidden }: RecurrenceSizes, weight: string, kept: boolean): Body {
  const b = createBuilder('cell');
  const input = (name: string, ...shape: StaticShape): Value => b.input(name, 'float32', shape);
  const [h, c, product] = [input('h', batch, hidden), input('c', batch, hidden), input('product', batch, 4 * hidden)];
  const recurrent = input(weight, 4 * hidden, hidden);
  const gates = b.op('Gemm', [h, recurrent, product], { alpha: 1, beta: 1, transA: 0, transB: 1 });
  const parts = split(b, gates, [hidden, hidden, hidden, hidden], 1);
  const [i = h, f = h, g = h, o = h] = parts.map((part, index) => (index === 2 ? tanh(b, part) : sigmoid(b, part)));
  const cell = add(b, mul(b, f, c), mul(b, i, g));
  const next = mul(b, o, tanh(b, cell));
  b.output(next, 'next h');
  b.output(cell, 'next c');
  b.output(next, 'h of step');
  if (kept) {
    b.output(cell, 'c of step');
    for (const [name, value] of Object.entries({ i, f, g, o })) b.output(value, `${name} of step`);
  }
  return { graph: b.build(), outer: [weight] };
}

/** One step backwards: the gradients of h and c, ∂L/∂y_t and six factors of the step to those before it and the gates' gradient. */
function backwardBody({ batch, hidden }: RecurrenceSizes, weight: string): Body {
  const b = createBuilder('cell backward');
  const input = (name: string): Value => b.input(name, 'float32', [batch, hidden]);
  const [dh, dc, upstream, p] = [input('dh'), input('dc'), input('upstream'), input('p')];
  const [qi, qf, qg, qo, f] = [input('qi'), input('qf'), input('qg'), input('qo'), input('f')];
  const recurrent = b.input(weight, 'float32', [4 * hidden, hidden]);
  const gh = add(b, upstream, dh);
  const gc = add(b, dc, mul(b, gh, p));
  const gates = concat(b, [mul(b, gc, qi), mul(b, gc, qf), mul(b, gc, qg), mul(b, gh, qo)], 1);
  b.output(matmul(b, gates, recurrent), 'next dh');
  b.output(mul(b, gc, f), 'next dc');
  b.output(gates, 'gates of step');
  return { graph: b.build(), outer: [weight] };
}

/** The layers as ONNX's Scan over one body, forward; backward as a second Scan over what the first one kept. */
export function scanBytes(sizes: RecurrenceSizes, part: RecurrencePart): Uint8Array {
  const { steps, batch, hidden, layers } = sizes;
  const b = createBuilder('Scan');
  const bodies = new Map<string, Body>();
  const window = windowShape(sizes);
  const wide = [steps, batch, 4 * hidden];
  const one = [batch, hidden];
  const flat = (value: Value, size: number): Value => reshape(b, value, [steps * batch, size]);
  /** What the steps began with. */
  const before = (first: Value, all: Value): Value =>
    concat(b, [reshape(b, first, [1, ...one]), slice(b, all, 0, 0, steps - 1)], 0);

  const forward = (layer: number, x: Value) => {
    const given = layerInputs(b, layer, sizes);
    const product = b.op('Gemm', [flat(x, hidden), given.weightIh, given.bias], {
      alpha: 1,
      beta: 1,
      transA: 0,
      transB: 1,
    });
    const name = `scan${layer}`;
    bodies.set(name, forwardBody(sizes, given.weightHh.name, part === 'step'));
    const kept = part === 'step' ? [window, window, window, window, window] : [];
    const inputs = [given.state.hidden, given.state.cell, reshape(b, product, wide)];
    const [, , h = x, c = x, i = x, f = x, g = x, o = x] = foreignNode(
      b,
      'Scan',
      name,
      inputs,
      [one, one, window, ...kept],
      {
        num_scan_inputs: 1n,
      },
    );
    return { given, x, h, c, i, f, g, o };
  };
  type Kept = ReturnType<typeof forward>;

  const backward = (layer: number, { given, x, h, c, i, f, g, o }: Kept, upstream: Value): Value => {
    const slope = (gate: Value): Value => mul(b, gate, sub(b, 1, gate));
    const t = tanh(b, c);
    const p = mul(b, o, sub(b, 1, mul(b, t, t)));
    const factors = [
      mul(b, g, slope(i)),
      mul(b, before(given.state.cell, c), slope(f)),
      mul(b, i, sub(b, 1, mul(b, g, g))),
      mul(b, t, slope(o)),
    ];
    const name = `scan${layer} backward`;
    bodies.set(name, backwardBody(sizes, given.weightHh.name));
    const none = mul(b, given.state.hidden, 0);
    const slices = [upstream, p, ...factors, f];
    const [, , gates = x] = foreignNode(b, 'Scan', name, [none, none, ...slices], [one, one, wide], {
      num_scan_inputs: BigInt(slices.length),
      scan_input_directions: slices.map(() => 1n),
      scan_output_directions: [1n],
    });
    const rows = flat(gates, 4 * hidden);
    const columns = transpose(b, rows, [1, 0]);
    b.output(matmul(b, columns, flat(x, hidden)), `gradient ${layer}.weight_ih`);
    b.output(matmul(b, columns, flat(before(given.state.hidden, h), hidden)), `gradient ${layer}.weight_hh`);
    b.output(reduceSum(b, rows, [0]), `gradient ${layer}.bias`);
    return reshape(b, matmul(b, rows, given.weightIh), window);
  };

  const kept: Kept[] = [];
  let y = b.input('x', 'float32', window);
  for (let layer = 0; layer < layers; layer++) {
    const result = forward(layer, y);
    kept.push(result);
    y = result.h;
  }
  b.output(y, 'y');
  if (part === 'step') {
    let upstream = b.input('upstream', 'float32', window);
    for (const [layer, result] of [...kept.entries()].reverse()) upstream = backward(layer, result, upstream);
    b.output(upstream, 'gradient x');
  }
  return withBodies(toOnnx(b.build()), bodies);
}

/** Gives each Scan its body, by the name of the node. */
function withBodies(bytes: Uint8Array, bodies: ReadonlyMap<string, Body>): Uint8Array {
  const model = ModelProto.decode(bytes);
  for (const node of model.graph?.node ?? []) {
    const body = bodies.get(node.name ?? '');
    if (body !== undefined)
      node.attribute?.push({ name: 'body', type: AttributeType.GRAPH, g: bodyProto(body, `${node.name ?? ''}/`) });
  }
  return ModelProto.encode(model).finish();
}

/** A name inside may not be one outside, so all get a prefix but those that are meant to be. */
function bodyProto({ graph: body, outer }: Body, prefix: string): onnx.IGraphProto {
  const graph: onnx.IGraphProto = defined(ModelProto.decode(toOnnx(body)).graph ?? undefined, 'body');
  const inside = (name: string | null | undefined): string =>
    name === '' || outer.includes(name ?? '') ? (name ?? '') : `${prefix}${name ?? ''}`;
  const input = graph.input?.filter(({ name }) => !outer.includes(name ?? '')) ?? [];
  const node = graph.node ?? [];
  for (const one of node) {
    one.name = inside(one.name);
    one.input = one.input?.map(inside) ?? [];
    one.output = one.output?.map(inside) ?? [];
  }
  const values = [...input, ...(graph.output ?? []), ...(graph.initializer ?? []), ...(graph.valueInfo ?? [])];
  for (const value of values) value.name = inside(value.name);
  return { ...graph, input, node };
}
