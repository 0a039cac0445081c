import { describe, expect, it } from 'vitest';
import { generate, type NdArray } from '../../test/reference/array.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { bytesOf, float32, type HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { relu, reshape, softmax } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { readOnnx } from '../graph/onnx-read.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { withCodes } from '../heads/assignment/codes.ts';
import type { Backbone } from '../heads/backbone.ts';
import type { FeatureSign } from '../heads/geometry.ts';
import { createModel, modelTensors, type Model } from '../heads/model.ts';
import { formatHead, parseHead } from '../heads/parse.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import { growGraph, slotsToChooseFrom } from './grow.ts';
import { probeGraph, readHead, scaleIn, type StoredHead } from './grow-read.ts';
import { grownModel, roomToGrow } from './grow-room.ts';

interface Choice {
  readonly head: string;
  readonly classes: number;
  readonly features?: number;
  readonly sign?: FeatureSign;
  readonly codes?: readonly number[];
}

/** Images of N channels and one pixel, rectified where features shall be non-negative. */
function modelOf({ head, classes, features = 16, sign = 'non-negative', codes }: Choice): Model {
  const backbone: Backbone = {
    name: 'pixels',
    image: { channels: features, height: 1, width: 1 },
    features,
    sign,
    forward: ({ b }, images) => {
      const flat = reshape(b, images, [-1, features]);
      return sign === 'signed' ? flat : relu(b, flat);
    },
  };
  const model = createModel(backbone, parseHead(head), classes);
  return codes === undefined ? model : withCodes(model, Uint32Array.from(codes));
}

/** Random weights; the variances of a centring are positive. */
function weightsOf(model: Model): Weights {
  const random = randomStream(3, 'weights');
  const { parameters, buffers } = modelTensors(model);
  return new Map(
    [...parameters, ...buffers].map(({ name, shape }): [string, HostTensor] => {
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform() + 0.5);
      return [name, float32(shape, values)];
    }),
  );
}

function graphOf(model: Model, weights: Weights, probabilities = false): Graph {
  const b = createBuilder('model');
  const { channels } = model.image;
  const images = b.input('images', 'float32', ['batch', channels, 1, 1]);
  const logits = model.forward(createLayerContext(b, weights), images);
  b.output(probabilities ? softmax(b, logits, 1) : logits, 'logits');
  return readOnnx(toOnnx(b.build()), 'model.onnx').graph;
}

function stored(choice: Choice, probabilities = false): StoredHead {
  const model = modelOf(choice);
  const graph = graphOf(model, weightsOf(model), probabilities);
  return readHead(graph, { spec: model.head.spec, sign: model.backbone.sign, where: 'model.onnx' });
}

function imagesOf(features: number): NdArray {
  const random = randomStream(9, 'images');
  return generate([5, features, 1, 1], () => Math.fround(random.normal()));
}

const run = async (graph: Graph, images: NdArray): Promise<ReadonlyMap<string, NdArray>> =>
  await runOnnx(graph, new Map([['images', images]]));

const codes = [3, 9, 1, 20, 6];
const cases: readonly (Choice & { readonly form: 'same' | 'remade'; readonly twice?: 'remade' })[] = [
  { head: 'hadamard', classes: 5, codes, form: 'same' },
  { head: 'hadamard', classes: 5, form: 'remade' },
  { head: 'hadamard:scale=7:bias=off', classes: 5, codes, form: 'same' },
  { head: 'hadamard:arcface=0.3', classes: 5, codes, form: 'same' },
  { head: 'biorthogonal', classes: 20, form: 'remade' },
  // From 15 to 16 classes of signed features the constant row comes in, and all rows are counted from another one.
  { head: 'hadamard', classes: 15, sign: 'signed', form: 'remade', twice: 'remade' },
  // From 30 to 31 classes of signed features the ±rows give way to two bases.
  { head: 'hadamard', classes: 30, sign: 'signed', form: 'remade' },
  { head: 'coset', classes: 16, form: 'remade' },
  { head: 'coset', classes: 5, codes, form: 'same' },
  // From 16 to 17 classes the pool gets another basis.
  { head: 'coset', classes: 16, codes: Array.from({ length: 16 }, (_, i) => 2 * i), form: 'same' },
  { head: 'random', classes: 5, codes: [3, 9, 1, 0, 6], form: 'same' },
  { head: 'random:directions=gaussian', classes: 5, form: 'remade' },
  { head: 'hadamard', classes: 5, features: 19, codes, form: 'same' },
];

describe('growGraph', () => {
  it.each(cases)(
    'gives $head on $classes classes one more: $form',
    async ({ form, twice: nextForm = 'same', ...choice }) => {
      const old = stored(choice);
      const room = roomToGrow(old.model);
      const slot = defined(slotsToChooseFrom(old, room).at(-1), 'slot');
      const grown = growGraph(old, room, { slot, bias: 0.25 });
      expect(grown.form).toBe(form);
      const { classes } = choice;
      const images = imagesOf(old.model.head.features);
      const before = defined((await run(old.graph, images)).get('logits'), 'logits');
      const after = defined((await run(grown.graph, images)).get('logits'), 'logits');
      const probe = probeGraph(old);
      const probed = await run(probe.graph, images);
      expect(probed.get(probe.logits)?.data).toEqual(before.data);
      const unit = defined(probed.get(probe.features), 'features');
      expect(after.shape).toEqual([5, classes + 1]);

      const vector = room.pool.vector(slot);
      const hasBias = old.weights.has('head.bias');
      for (let row = 0; row < 5; row++) {
        const logits = [...after.data.subarray(row * (classes + 1), (row + 1) * (classes + 1))];
        const kept = [...before.data.subarray(row * classes, (row + 1) * classes)];
        if (form === 'same') expect(logits.slice(0, classes)).toEqual(kept);
        else
          logits.slice(0, classes).forEach((value, k) => {
            expect(value).toBeCloseTo(kept[k] ?? NaN, 5);
          });
        // α·⟨q, x̂⟩ + b, in float64.
        const cosine = vector.reduce((sum, entry, k) => sum + entry * (unit.data[row * vector.length + k] ?? 0), 0);
        expect(logits[classes]).toBeCloseTo(scaleIn(old) * cosine + (hasBias ? 0.25 : 0), 4);
      }

      // Everything else in the file is as it was, byte for byte.
      const changed = [...old.graph.initializers].filter(([name, value]) => {
        const now = grown.graph.initializers.get(name);
        return now === undefined || !Buffer.from(bytesOf(value)).equals(Buffer.from(bytesOf(now)));
      });
      const names = changed.map(([name]) => name).sort();
      if (form === 'same') {
        expect(names).toEqual(hasBias ? ['head.bias', 'head/slot_of_class'] : ['head/slot_of_class']);
        expect(grown.graph.nodes.map(({ name }) => name)).toEqual(old.graph.nodes.map(({ name }) => name));
      } else {
        expect(names.filter((name) => !/^head[/.](bias|H_outer|H_inner|vectors|signs|scalar)/.test(name))).toEqual([]);
      }

      // The file says what it holds: the head can be found in it again, on the same vectors, and grown once more.
      const again = readHead(readOnnx(toOnnx(grown.graph), 'grown.onnx').graph, {
        spec: room.spec,
        sign: old.model.backbone.sign,
        where: 'grown.onnx',
      });
      const { geometry } = again.model.head;
      expect(geometry?.vector(classes)).toEqual(vector);
      for (let index = 0; index < classes; index++) {
        expect(geometry?.vector(index)).toEqual(old.model.head.geometry?.vector(index));
      }
      const next = roomToGrow(again.model);
      expect(slotsToChooseFrom(again, next)).not.toContain(slot);
      const twice = growGraph(again, next, { slot: defined(slotsToChooseFrom(again, next)[0], 'slot'), bias: 0 });
      expect(twice.form).toBe(nextForm);
      const last = defined((await run(twice.graph, images)).get('logits'), 'logits');
      expect(last.shape).toEqual([5, classes + 2]);
      expect(last.data[classes]).toBeCloseTo(after.data[classes] ?? NaN, 5);
    },
  );

  it('leaves what stands behind the head, one wider', async () => {
    const old = stored({ head: 'hadamard', classes: 5, codes }, true);
    const room = roomToGrow(old.model);
    const { graph } = growGraph(old, room, { slot: defined(room.unused[0], 'slot'), bias: 0 });
    const scores = defined((await run(graph, imagesOf(16))).get('logits'), 'logits');
    expect(scores.shape).toEqual([5, 6]);
    expect(scores.data.subarray(0, 6).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    expect(graph.types.get('logits')?.shape).toEqual(['batch', 6]);
  });

  it('keeps the bias of a head that would have none with one class more', () => {
    const { model } = stored({ head: 'hadamard', classes: 1000, features: 1024 });
    const room = roomToGrow(model);
    expect(formatHead(room.spec)).toBe('hadamard:bias=on');
    expect(grownModel(model.backbone, model.head, room, defined(room.unused[0], 'slot')).head.classes).toBe(1001);
  });

  it('takes a vector that no class has, and no other', () => {
    const old = stored({ head: 'hadamard', classes: 5, codes });
    expect(() => growGraph(old, roomToGrow(old.model), { slot: 9, bias: 0 })).toThrow(/takes an unused class vector/);
  });
});

describe('roomToGrow', () => {
  it.each([
    [{ head: 'hadamard', classes: 30 }, /no class vector is left.*no centring.*--head coset/],
    [{ head: 'biorthogonal', classes: 30 }, /no class vector is left.*at most 30 classes/],
    [{ head: 'orthonormal', classes: 5 }, /vectors of a head of kind orthonormal all change/],
    [{ head: 'simplex', classes: 5 }, /vectors of a head of kind simplex all change/],
    [{ head: 'learned', classes: 5 }, /learns its class vectors has no unused one.*fixhead fix/],
    [{ head: 'cosine', classes: 5 }, /learns its class vectors has no unused one/],
  ] as const)('refuses %o, and says what has room', (choice, message) => {
    expect(() => roomToGrow(modelOf(choice))).toThrow(message);
  });
});

describe('readHead', () => {
  it('says so where the file does not hold the head that it names', () => {
    const model = modelOf({ head: 'hadamard', classes: 5 });
    const graph = graphOf(model, weightsOf(model));
    const nodes = graph.nodes.map((node) => ({ ...node, name: node.name.replace('head/', 'part/') }));
    expect(() =>
      readHead({ ...graph, nodes }, { spec: model.head.spec, sign: 'non-negative', where: 'model.onnx' }),
    ).toThrow(/model\.onnx: the file names a head but does not hold it/);
  });
});
