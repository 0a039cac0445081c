import { internalError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { add, concat, matmul, mul, reshape, sigmoid, split, tanh, transpose } from '../graph/functions.ts';
import type { LayerContext } from './layer-context.ts';
import type { Initial } from './parameters.ts';

/** What an LSTM carries from one step to the next, `[batch, hidden]` each. */
export interface LstmState {
  /** h, the last output. */
  readonly hidden: Value;
  /** c, what the gates write to and read from. */
  readonly cell: Value;
}

/** Zeros but for the forget gate, which starts open: σ(1) ≈ 0.73 (Jozefowicz et al. 2015). */
function initialBias(hidden: number): Initial {
  return Object.freeze({ kind: 'given', values: new Float32Array(4 * hidden).fill(1, hidden, 2 * hidden) });
}

/** x_t·W_ihᵀ + b for every step t, `[batch, 4·hidden]` each, from one product. */
function inputProducts(c: LayerContext, x: Value, weight: Value, bias: Value): readonly Value[] {
  const { b } = c;
  const [steps, batch, width] = x.type.shape;
  const gates = Number(weight.type.shape[0]);
  if (typeof steps !== 'number' || typeof width !== 'number')
    throw internalError('steps and width are known', { where: x.name });
  if (typeof batch === 'number') {
    const rows = reshape(b, x, [steps * batch, width]);
    const y = b.op('Gemm', [rows, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });
    return steps === 1
      ? [y]
      : split(
          b,
          y,
          Array.from({ length: steps }, () => batch),
          0,
        );
  }
  const y = add(b, matmul(b, x, transpose(b, weight, [1, 0])), bias);
  const parts =
    steps === 1
      ? [y]
      : split(
          b,
          y,
          Array.from({ length: steps }, () => 1),
          0,
        );
  return parts.map((part) => reshape(b, part, [-1, gates]));
}

/**
 * A layer of long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) over a window of
 * steps. For x `[steps, batch, width]` and every step t, with h and c of the step before:
 *
 * (i, f, g, o) = x_t·W_ihᵀ + h·W_hhᵀ + b, c ← σ(f) ⊙ c + σ(i) ⊙ tanh(g), h ← σ(o) ⊙ tanh(c)
 *
 * W_ih `[4·hidden, width]`, W_hh `[4·hidden, hidden]` and b `[4·hidden]` hold the four gates in PyTorch's order; b is the sum of
 * PyTorch's two biases. Matrices start as U(−1/√hidden, 1/√hidden), as PyTorch's do; b is zero and one for the forget gate
 * (Jozefowicz et al. 2015).
 *
 * The steps are written out one after the other; what x gives is one product for all of them. The number of steps is known,
 * the batch may be symbolic in inference.
 *
 * @returns h of every step `[steps, batch, hidden]`, and the state after the last one.
 */
export function lstm(
  c: LayerContext,
  x: Value,
  state: LstmState,
  hidden: number,
): { readonly output: Value; readonly state: LstmState } {
  const { b } = c;
  const [steps = 0, batch, width] = x.type.shape;
  if (x.type.shape.length !== 3) throw internalError('a window is [steps, batch, width]', { where: x.name });
  const initial: Initial = { kind: 'uniform', bound: 1 / Math.sqrt(hidden) };
  const weightIh = c.parameter('weight_ih', [4 * hidden, Number(width)], initial, { decay: true });
  const weightHh = c.parameter('weight_hh', [4 * hidden, hidden], initial, { decay: true });
  const bias = c.parameter('bias', [4 * hidden], initialBias(hidden), { decay: false });
  const gateSizes = [hidden, hidden, hidden, hidden];

  let { hidden: h, cell } = state;
  const outputs = inputProducts(c, x, weightIh, bias).map((fromInput) => {
    const gates = b.op('Gemm', [h, weightHh, fromInput], { alpha: 1, beta: 1, transA: 0, transB: 1 });
    const [i = gates, f = gates, g = gates, o = gates] = split(b, gates, gateSizes, 1);
    cell = add(b, mul(b, sigmoid(b, f), cell), mul(b, sigmoid(b, i), tanh(b, g)));
    h = mul(b, sigmoid(b, o), tanh(b, cell));
    return h;
  });
  const output =
    typeof batch === 'number'
      ? reshape(b, concat(b, outputs, 0), [Number(steps), batch, hidden])
      : concat(
          b,
          outputs.map((one) => b.op('Unsqueeze', [one], { axes: [0] })),
          0,
        );
  return { output, state: { hidden: h, cell } };
}
