import { describe, expect, test } from 'vitest';
import { sizeOf, staticShape } from '../core/shape.ts';
import { defined } from '../core/errors.ts';
import { countOperators, type Graph } from '../graph/graph.ts';
import type { Geometry } from '../heads/geometry.ts';
import { headOn } from '../heads/head.ts';
import { createModel, modelTensors } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { lower, type LoweringTarget } from '../lowering/lower.ts';
import { createBackbone } from '../models/registry.ts';
import { sgd } from '../optim/optimizer.ts';
import { deploymentGraph } from './inference-graph.ts';
import { initialTensors, type TrainingProgram } from './step-program.ts';
import { trainingProgram } from './training-program.ts';

/**
 * A fixed head costs no gradient, no optimiser state and, for a Hadamard head, no matrix: counted in the graphs themselves.
 * 11 classes on 64 features and a batch of 3, so that C·N = 704 numbers are a size that nothing else has.
 */
const [CLASSES, FEATURES, BATCH] = [11, 64, 3];
const image = { channels: 1, height: 8, width: 8 };
const modelOf = (head: string) => createModel(createBackbone('resnet8', image), parseHead(head), CLASSES);
const settings = {
  batchSize: BATCH,
  optimizer: sgd(),
  labelSmoothing: 0,
  clipNorm: null,
  softmax: { kind: 'auto' },
} as const;
const programOf = (head: string): TrainingProgram => trainingProgram(modelOf(head), settings);

const targets: readonly (readonly [string, (graph: Graph) => Graph])[] = [
  ['before lowering', (graph) => graph],
  ...([{ kind: 'portable' }, { kind: 'blocked', block: 8 }, { kind: 'blocked', block: 16 }] as const).map(
    (target: LoweringTarget) =>
      [
        target.kind === 'portable' ? 'portable' : `blocked by ${target.block}`,
        (graph: Graph) => lower(graph, target),
      ] as const,
  ),
];

/** Matrix products of any form. */
function products(graph: Graph): number {
  const counts = countOperators(graph);
  return ['MatMul', 'Gemm', 'FusedMatMul'].reduce((sum, op) => sum + (counts.get(op) ?? 0), 0);
}

/** Nodes that compute C·N numbers. Transposing the constant matrix does not count: the runtime does that once, when it loads. */
function computedMatrices(graph: Graph): string[] {
  return graph.nodes.flatMap((node) =>
    node.kind === 'op' && node.op !== 'Transpose'
      ? node.outputs.filter((name) => {
          const { shape } = defined(graph.types.get(name), name);
          return sizeOf(staticShape(shape, name)) === CLASSES * FEATURES;
        })
      : [],
  );
}

/** Stored numbers, C·N or more. The blocked layout also stores integers, the order in which it reads filters. */
const largeInitializers = (graph: Graph): string[] =>
  [...graph.initializers]
    .filter(([, { dtype, shape }]) => dtype === 'float32' && sizeOf(shape) >= CLASSES * FEATURES)
    .map(([name]) => name);

describe.each(targets)('training graphs, %s', (_, lowered) => {
  const graphs = new Map(['learned', 'hadamard', 'orthonormal'].map((head) => [head, lowered(programOf(head).graph)]));
  const graph = (head: string): Graph => defined(graphs.get(head), head);

  test('a learned head computes a weight gradient, a fixed head nothing of its size', () => {
    expect(computedMatrices(graph('learned')).length).toBeGreaterThan(0);
    expect(computedMatrices(graph('orthonormal'))).toEqual([]);
    expect(computedMatrices(graph('hadamard'))).toEqual([]);
  });

  test('an orthonormal head has one product fewer, the weight gradient; a hadamard head two for each of its two factors', () => {
    // Learned: W·x, and the gradients of x and W. Orthonormal: Q·x and the gradient of x. Hadamard: two factors each way.
    const backbone = products(graph('learned')) - 3;
    expect(products(graph('orthonormal')) - backbone).toBe(2);
    expect(products(graph('hadamard')) - backbone).toBe(4);
  });

  test('only the orthonormal head stores a matrix, as a constant that is not an input', () => {
    expect(largeInitializers(graph('hadamard'))).toEqual([]);
    expect(largeInitializers(graph('learned'))).toEqual([]);
    const stored = largeInitializers(graph('orthonormal'));
    expect(stored).toHaveLength(1);
    expect(graph('orthonormal').inputs.some((name) => stored.includes(name))).toBe(false);
  });
});

describe.each(targets)('streaming graphs, %s', (_, lowered) => {
  // More classes than features: 30 bases of 64 rows each, one to a block.
  const [classes, batch] = [1900, 5];
  const graphOf = (head: string, kind: 'full' | 'streaming'): Graph => {
    const model = createModel(createBackbone('resnet8', image), parseHead(head), classes);
    const spread = (geometry: Geometry): Geometry => ({ ...geometry, blocks: () => geometry.blocks(1) });
    const { backbone, head: given } = model;
    const request = { classes, features: FEATURES, sign: backbone.sign };
    const inBlocks = headOn(given.spec, request, given.geometry === undefined ? undefined : spread(given.geometry));
    const program = trainingProgram({ ...model, head: inBlocks }, { ...settings, batchSize: batch, softmax: { kind } });
    return lowered(program.graph);
  };
  /** Numbers of every float32 value that the head computes, forward or backward. */
  const sizes = (graph: Graph): number[] =>
    graph.nodes
      .flatMap((node) => node.outputs)
      .filter((name) => name.includes('head/'))
      .flatMap((name) => {
        const type = defined(graph.types.get(name), name);
        return type.dtype === 'float32' ? [sizeOf(staticShape(type.shape, name))] : [];
      });

  test.each(['coset', 'coset:bias=on', 'coset:signs=on', 'coset:arcface=0.4'])(
    '%s: no value has a number for each sample and class, or for each class and feature',
    (head) => {
      // The largest are those of one number for each class or for each sign of the bases.
      expect(Math.max(...sizes(graphOf(head, 'streaming')))).toBeLessThan(2 * classes);
    },
  );

  test('which the same count finds where all logits are computed at once', () => {
    expect(sizes(graphOf('coset', 'full'))).toContain(batch * classes);
  });
});

describe('state', () => {
  const headParts = (head: string): string[] =>
    programOf(head)
      .state.flatMap(({ parts }) => parts.map(({ key }) => key))
      .filter((key) => key.includes('head.'))
      .toSorted();

  test('holds α and the bias of a fixed head and their momentum, nothing else of it', () => {
    const vectors = ['head.bias', 'head.scale', 'momentum/head.bias', 'momentum/head.scale'];
    expect(headParts('hadamard')).toEqual(vectors);
    expect(headParts('orthonormal')).toEqual(vectors);
    expect(headParts('hadamard:scale=10:bias=off')).toEqual([]);
    expect(headParts('learned')).toEqual(['head.bias', 'head.weight', 'momentum/head.bias', 'momentum/head.weight']);
  });

  test('is shorter by exactly the classifier and its momentum', () => {
    const length = (head: string): number => programOf(head).state.reduce((sum, vector) => sum + vector.length, 0);
    // α replaces the matrix.
    expect(length('learned') - length('hadamard')).toBe(2 * (CLASSES * FEATURES - 1));
    expect(length('orthonormal')).toBe(length('hadamard'));
  });

  test('has no tensor of the shape of a classifier matrix', () => {
    const shapes = programOf('orthonormal').state.flatMap(({ parts }) => parts.map(({ shape }) => shape.join('×')));
    expect(shapes).not.toContain(`${CLASSES}×${FEATURES}`);
    expect(shapes).not.toContain(`${FEATURES}×${CLASSES}`);
  });
});

describe('exported graphs', () => {
  const exported = (head: string): Graph => {
    const weights = initialTensors(programOf(head), 0);
    return deploymentGraph(modelOf(head), weights, { mean: [0], std: [1] });
  };

  test('a hadamard head stores no C×N tensor, and no constant of its own that large', () => {
    const graph = exported('hadamard');
    const own = [...graph.initializers].filter(([name]) => name.includes('head'));
    expect(own.length).toBeGreaterThan(0);
    for (const [name, { shape }] of own) expect(sizeOf(shape), name).toBeLessThan(CLASSES * FEATURES);
    const shapes = [...graph.initializers.values()].map(({ shape }) => shape.join('×'));
    expect(shapes).not.toContain(`${CLASSES}×${FEATURES}`);
    expect(shapes).not.toContain(`${FEATURES}×${CLASSES}`);
  });

  test.each(['learned', 'orthonormal'])('the same count finds the matrix of a head that has one: %s', (head) => {
    const shapes = [...exported(head).initializers.values()].map(({ shape }) => shape.join('×'));
    expect(
      shapes.filter((shape) => shape === `${CLASSES}×${FEATURES}` || shape === `${FEATURES}×${CLASSES}`),
    ).toHaveLength(1);
  });

  test('a fixed matrix is counted, but not as trainable', () => {
    expect(modelTensors(modelOf('orthonormal')).fixed).toEqual([{ name: 'head.vectors', shape: [CLASSES, FEATURES] }]);
    expect(modelTensors(modelOf('hadamard')).fixed).toEqual([]);
  });
});
