import { describe, expect, test } from 'vitest';
import { createBuilder } from '../graph/builder.ts';
import { countOperators } from '../graph/graph.ts';
import { createLayerContext } from './layer-context.ts';
import { lstm } from './lstm.ts';
import { initialValues } from './parameters.ts';

const [WIDTH, HIDDEN] = [5, 16];

function layer(steps: number, batch: number | string) {
  const b = createBuilder('lstm');
  const c = createLayerContext(b);
  const x = b.input('x', 'float32', [steps, batch, WIDTH]);
  const [hidden, cell] = [b.input('h', 'float32', [batch, HIDDEN]), b.input('c', 'float32', [batch, HIDDEN])];
  const result = c.layer('rnn', () => lstm(c, x, { hidden, cell }, HIDDEN));
  return { ...result, operators: countOperators(b.build()), parameters: c.tensors().parameters };
}

describe('an LSTM layer', () => {
  test.each([
    [4, 3],
    [1, 3],
    [4, 'batch'],
    [1, 'batch'],
  ])('gives a state for each of %s steps, and the last one, for a batch of %s', (steps, batch) => {
    const { output, state } = layer(steps, batch);
    expect(output.type.shape).toEqual([steps, batch, HIDDEN]);
    expect([state.hidden.type.shape, state.cell.type.shape]).toEqual([
      [batch, HIDDEN],
      [batch, HIDDEN],
    ]);
  });

  test('multiplies the whole window with W_ih at once, and with W_hh once a step', () => {
    const counts = Object.fromEntries(layer(7, 3).operators);
    // A step: one product with its sum, one Split, three gates, two tanh, c and h.
    expect(counts).toEqual({
      Reshape: 2,
      Gemm: 1 + 7,
      Split: 1 + 7,
      Sigmoid: 21,
      Tanh: 14,
      Mul: 21,
      Add: 7,
      Concat: 1,
    });
  });

  test('declares PyTorch’s matrices, which decay, and one bias, which does not', () => {
    expect(layer(2, 3).parameters.map(({ name, shape, decay }) => ({ name, shape, decay }))).toEqual([
      { name: 'rnn.weight_ih', shape: [4 * HIDDEN, WIDTH], decay: true },
      { name: 'rnn.weight_hh', shape: [4 * HIDDEN, HIDDEN], decay: true },
      { name: 'rnn.bias', shape: [4 * HIDDEN], decay: false },
    ]);
  });

  test('starts with matrices in ±1/√hidden and an open forget gate', () => {
    const [inputs, recurrent, bias] = layer(2, 3).parameters.map((spec) => [...initialValues(spec, 1)]);
    for (const values of [inputs, recurrent]) {
      const largest = Math.max(...(values?.map(Math.abs) ?? []));
      expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(HIDDEN));
      expect(largest).toBeGreaterThan(0.95 / Math.sqrt(HIDDEN));
    }
    const gate = (value: number): number[] => Array.from({ length: HIDDEN }, () => value);
    expect(bias).toEqual([...gate(0), ...gate(1), ...gate(0), ...gate(0)]);
  });

  test('needs to know the number of steps', () => {
    const b = createBuilder('lstm');
    const c = createLayerContext(b);
    const state = b.input('h', 'float32', [2, HIDDEN]);
    const given = { hidden: state, cell: state };
    expect(() => lstm(c, b.input('x', 'float32', ['steps', 2, WIDTH]), given, HIDDEN)).toThrow(
      /steps and width are known/,
    );
    expect(() => lstm(c, b.input('flat', 'float32', [2, WIDTH]), given, HIDDEN)).toThrow(
      /a window is \[steps, batch, width\]/,
    );
  });
});
