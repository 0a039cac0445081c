import { describe, expect, it } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { expectAllclose } from '../../test/support/allclose.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { poolGeometry, withCodes } from '../heads/assignment/codes.ts';
import type { Backbone } from '../heads/backbone.ts';
import type { FeatureSign } from '../heads/geometry.ts';
import { createModel, modelTensors, type Model } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import type { Weights } from '../nn/layer-context.ts';
import { flatten } from '../graph/functions.ts';
import { classifierGraph } from '../train/inference-graph.ts';
import { headToJson, openHead, readHead } from '../wasm/index.ts';
import { describeHead } from './describe-head.ts';

/** A backbone that hands its pixels on as features. */
function pixelsAsFeatures(features: number, sign: FeatureSign): Backbone {
  return {
    name: 'pixels',
    image: { channels: 1, height: 1, width: features },
    features,
    sign,
    forward: (c, images) => flatten(c.b, images),
  };
}

const modelFor = (head: string, classes: number, features: number, sign: FeatureSign): Model =>
  createModel(pixelsAsFeatures(features, sign), parseHead(head), classes);

/** Weights as training might leave them: none is what it starts with. */
function someWeights(model: Model): Weights {
  const { parameters, buffers } = modelTensors(model);
  const filled = [...parameters, ...buffers].map(({ name, shape }): [string, HostTensor] => {
    const random = randomStream('weights', name);
    const size = shape.reduce((product, dim) => product * dim, 1);
    return [
      name,
      float32(
        shape,
        Float32Array.from({ length: size }, () => 0.5 + random.uniform()),
      ),
    ];
  });
  return new Map(filled);
}

const BATCH = 5;

function someFeatures(features: number, sign: FeatureSign): Float32Array {
  const random = randomStream('features', features);
  return Float32Array.from({ length: BATCH * features }, () => random.uniform() - (sign === 'signed' ? 0.5 : 0));
}

/** Logits by ONNX Runtime and by WebAssembly, whose description went through JSON text. */
async function bothLogits(model: Model, sign: FeatureSign): Promise<readonly [Float32Array, Float32Array]> {
  const { features } = model.head;
  const weights = someWeights(model);
  const x = someFeatures(features, sign);
  await using session = await (
    await cpuRuntime()
  ).createSession(toOnnx(classifierGraph(model.head, weights)), 'inference');
  const { logits } = await session.run({ features: float32([BATCH, features], x) });
  const text = JSON.stringify(headToJson(describeHead(model.head, weights)));
  using head = await openHead(readHead(JSON.parse(text)));
  return [defined(logits, 'logits').data as Float32Array, head.logits(x)];
}

function expectSameLogits([onnx, wasm]: readonly [Float32Array, Float32Array]): void {
  const largest = onnx.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0.1);
  // Sums of up to a few hundred float32 products in another order.
  expectAllclose(wasm, onnx, { what: 'logits', atol: 1e-5 * largest, shape: [BATCH, onnx.length / BATCH] });
}

describe('a described head gives in WebAssembly the logits that its graph gives in ONNX Runtime', () => {
  it.each([
    ['hadamard', 10, 64, 'non-negative', 'rows without the constant one'],
    ['hadamard', 64, 64, 'signed', 'all rows'],
    ['hadamard', 20, 30, 'signed', 'rows of order 28 on 30 features'],
    ['hadamard', 100, 64, 'non-negative', '±rows'],
    ['hadamard', 1500, 64, 'non-negative', 'Kerdock bases, centred'],
    ['hadamard', 3000, 128, 'signed', 'Gold bases'],
    ['hadamard:bias=off:scale=12', 40, 64, 'signed', 'a scale that stays, no bias'],
    ['hadamard:arcface=0.3', 10, 64, 'signed', 'α = exp(s)'],
    ['hadamard:loss=cosine', 10, 64, 'signed', 'neither scale nor bias'],
    ['hadamard:center=batch-norm', 10, 64, 'non-negative', 'centred on request'],
    ['biorthogonal', 128, 64, 'signed', '±rows with the constant one'],
    ['coset', 300, 96, 'signed', 'Gold bases of a Sylvester factor, repeated'],
    ['coset', 1000, 96, 'non-negative', 'randomly signed bases'],
    ['coset:signs=on', 1500, 16, 'signed', 'Delsarte–Goethals bases with negatives'],
    ['simplex', 10, 64, 'non-negative', 'centred rows'],
    ['simplex', 20, 19, 'signed', 'rows without their constant column'],
    ['simplex', 2, 8, 'signed', 'two vertices'],
  ] as const)('%s, %i classes, %i %s features: %s', async (head, classes, features, sign, _what) => {
    expectSameLogits(await bothLogits(modelFor(head, classes, features, sign), sign));
  });

  it.each([
    ['hadamard', 10, 64, 'non-negative'],
    ['hadamard', 100, 64, 'non-negative'],
    ['coset', 300, 64, 'signed'],
    ['coset', 300, 96, 'signed'],
    ['simplex', 10, 16, 'signed'],
  ] as const)('%s, %i classes on assigned vectors of %i %s features', async (head, classes, features, sign) => {
    const plain = modelFor(head, classes, features, sign);
    const { slots } = poolGeometry(plain);
    // Every slot once, in jumps; what is behind the last class stays free.
    const codes = Uint32Array.from(
      { length: classes },
      (_, index) => slots - 1 - Math.floor((index * slots) / classes),
    );
    const model = withCodes(plain, codes);
    expect(describeHead(model.head, someWeights(model)).codes).toStrictEqual(codes);
    expectSameLogits(await bothLogits(model, sign));
  });
});

describe('what a description holds', () => {
  it('names families that the receiver generates, and lists the signs of others', () => {
    const described = (head: string, classes: number, features: number) => {
      const model = modelFor(head, classes, features, 'signed');
      return describeHead(model.head, someWeights(model));
    };
    expect(described('coset', 512, 64)).toMatchObject({ diagonals: 'kerdock', bases: 8 });
    expect(described('coset', 512, 64)).not.toHaveProperty('signs');
    expect(described('coset', 300, 96)).toMatchObject({ order: 96, diagonals: 'given', bases: 4 });
    expect(described('coset', 300, 96).signs).toHaveLength(4 * 12);
    expect(described('coset', 1000, 96)).toMatchObject({ diagonals: 'given', bases: 11 });
    expect(Object.keys(described('hadamard', 10, 64)).sort()).toEqual(
      ['bias', 'classes', 'features', 'firstRow', 'kind', 'order', 'scale'].sort(),
    );
  });

  it.each([
    ['learned', 'class vectors that were trained'],
    ['cosine', 'class vectors that were trained'],
    ['random', 'random'],
    ['orthonormal', 'orthonormal'],
  ])('refuses a %s head and names those that it takes', (head, received) => {
    const model = modelFor(head, 5, 16, 'signed');
    expect(() => describeHead(model.head, someWeights(model))).toThrow(
      new RegExp(
        `head ${head}: no description of this head without its matrix; received .*${received}.*; choose from hadamard, biorthogonal, coset, simplex .*the whole model as one \\.onnx file has every head`,
      ),
    );
  });

  it('refuses a simplex that is made of axes', () => {
    // 17 classes on 18 features: the largest Hadamard order is 16.
    const model = modelFor('simplex', 17, 18, 'signed');
    expect(() => describeHead(model.head, someWeights(model))).toThrow(/received centred axes, on 17 of 18 features/);
  });

  it('says which weights are missing', () => {
    expect(() => describeHead(modelFor('hadamard', 10, 64, 'signed').head, new Map())).toThrow(
      'head.scale: the weights do not have what the head needs; expected float32',
    );
  });
});
