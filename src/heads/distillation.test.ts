import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { gradients } from '../autodiff/gradients.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { createBuilder } from '../graph/builder.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { distillationLoss } from './distillation.ts';
import { createHead, type Head } from './head.ts';
import { parseHead } from './parse.ts';

const [BATCH, CLASSES] = [3, 5];

function softmaxOf(row: readonly number[]): readonly number[] {
  const largest = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

function lossAndGradient(z: Float64Array, t: Float64Array, temperature: number) {
  const b = createBuilder('distillation');
  const shape = [BATCH, CLASSES];
  const [logits, teacher] = [b.input('z', 'float32', shape), b.input('t', 'float32', shape)];
  b.output(distillationLoss(b, logits, teacher, temperature), 'loss');
  const { graph, gradients: of } = gradients(b.build(), { loss: 'loss', wrt: ['z'] });
  const values = evaluateGraph(
    graph,
    new Map([
      ['z', { shape, data: z }],
      ['t', { shape, data: t }],
    ]),
  );
  const value = (name: string) => defined(values.get(name), name).data;
  return { loss: defined(value('loss')[0], 'loss'), gradient: value(defined(of.get('z'), 'gradient')) };
}

const rowsOf = (data: Float64Array): readonly number[][] =>
  Array.from({ length: BATCH }, (_, row) => [...data.subarray(row * CLASSES, (row + 1) * CLASSES)]);

describe('the loss of a student against its teacher', () => {
  const draw = (key: string) => {
    const random = randomStream('distillation', key);
    return new Float64Array(BATCH * CLASSES).map(() => Math.fround(3 * random.normal()));
  };

  test.each([1, 2, 7])('is the divergence of the softened answers, and so is its gradient (T = %i)', (temperature) => {
    const [z, t] = [draw('z'), draw('t')];
    const { loss, gradient } = lossAndGradient(z, t, temperature);
    const soft = (data: Float64Array) => rowsOf(data).map((row) => softmaxOf(row.map((value) => value / temperature)));
    const [p, q] = [soft(t), soft(z)];
    const divergence = p.flatMap((row, i) => row.map((each, k) => each * Math.log(each / (q[i]?.[k] ?? 0))));
    const expected = (temperature ** 2 * divergence.reduce((sum, each) => sum + each, 0)) / BATCH;
    expectAllclose([loss], [expected], { what: 'loss', rtol: 1e-6 });
    const slopes = q.flatMap((row, i) => row.map((each, k) => (temperature * (each - (p[i]?.[k] ?? 0))) / BATCH));
    expectAllclose(gradient, slopes, { what: 'gradient', rtol: 1e-6, atol: 1e-9 });
  });

  test('is zero where both agree, up to a constant in each row', () => {
    const t = draw('same');
    const z = t.map((value, index) => value + Math.floor(index / CLASSES));
    expect(Math.abs(lossAndGradient(z, t, 2).loss)).toBeLessThan(1e-12);
  });
});

describe('a head with a teacher', () => {
  const request = { classes: CLASSES, features: 8, sign: 'signed' } as const;
  const objectiveOf = (head: Head, softmax: 'full' | 'streaming', weight = 1) => {
    const b = createBuilder('taught');
    const c = createLayerContext(b);
    const x = b.input('x', 'float32', [BATCH, 8]);
    const labels = b.input('labels', 'int32', [BATCH]);
    const logits = b.input('teacher', 'float32', [BATCH, CLASSES]);
    const teacher = { logits, temperature: 2, weight };
    const { loss } = head.objective(c, x, labels, { labelSmoothing: 0, softmax: { kind: softmax }, teacher });
    b.output(loss, 'loss');
    return { graph: b.build(), parameters: c.tensors().parameters };
  };
  const lossOf = (weight: number, label: number): number => {
    const { graph, parameters } = objectiveOf(createHead(parseHead('hadamard'), request), 'full', weight);
    const random = randomStream('taught');
    const drawn = (shape: readonly number[]) => ({
      shape,
      data: new Float64Array(shape.reduce((product, dim) => product * dim, 1)).map(() => random.normal()),
    });
    const feeds = new Map([
      ['x', drawn([BATCH, 8])],
      ['teacher', drawn([BATCH, CLASSES])],
      ...parameters.map(({ name, shape }) => [name, drawn(shape)] as const),
      ['labels', { shape: [BATCH], data: new Float64Array(BATCH).fill(label) }] as const,
    ]);
    return defined(evaluateGraph(graph, feeds).get('loss')?.data[0], 'loss');
  };

  test('does not look at labels where the teacher has all the weight, and mixes both terms otherwise', () => {
    expect(lossOf(1, 0)).toBe(lossOf(1, 3));
    expect(lossOf(0.25, 0)).toBeCloseTo(0.25 * lossOf(1, 0) + 0.75 * lossOf(0, 0), 6);
    expect(lossOf(0, 0)).not.toBe(lossOf(0, 3));
  });

  test('needs all logits at once', () => {
    const head = createHead(parseHead('hadamard'), request);
    expect(() => objectiveOf(head, 'streaming')).toThrow('cannot learn from a teacher');
    expect(() => objectiveOf(createHead(parseHead('hadamard:loss=cosine'), request), 'full')).toThrow(
      'the cosine loss has no softmax',
    );
  });
});
