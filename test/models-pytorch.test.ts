import { describe, expect, test } from 'vitest';
import { gradients } from '../src/autodiff/gradients.ts';
import { defined } from '../src/core/errors.ts';
import { float32, int32, type HostTensor } from '../src/core/tensor.ts';
import { createBuilder } from '../src/graph/builder.ts';
import type { Graph } from '../src/graph/graph.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import type { Backbone } from '../src/heads/backbone.ts';
import { createModel, modelTensors, type Model } from '../src/heads/model.ts';
import { parseHead } from '../src/heads/parse.ts';
import { lower } from '../src/lowering/lower.ts';
import { createBackbone } from '../src/models/registry.ts';
import { visionTransformer } from '../src/models/vit.ts';
import { createLayerContext } from '../src/nn/layer-context.ts';
import type { SessionPurpose } from '../src/runtime/runtime.ts';
import { evaluationGraph } from '../src/train/inference-graph.ts';
import { formulaWeight, uniform } from './pytorch/formula-weights.ts';
import { readFixture } from './pytorch/fixtures.ts';
import { expectAllclose } from './support/allclose.ts';
import { cpuRuntime } from './support/onnx-runtime.ts';

/**
 * The architectures are torchvision's, number by number: with the same weights, under torchvision's names, ours computes the same logits,
 * and one training batch gives the same loss and the same gradient of every parameter. What PyTorch computes in float64 comes
 * from test/pytorch/model_outputs.py.
 */
interface Outputs {
  readonly batch: number;
  readonly classes: number;
  readonly models: readonly {
    readonly model: string;
    readonly side: number;
    readonly logits: readonly number[];
    /** Absent where only inference is compared. */
    readonly training?: {
      readonly loss: number;
      /** Product with a fixed vector, and Euclidean norm. */
      readonly gradients: Readonly<Record<string, readonly [number, number]>>;
    };
  }[];
}

const { batch, classes, models } = readFixture('model-outputs') as Outputs;

function backboneOf(name: string, side: number): Backbone {
  const image = { channels: 3, height: side, width: side };
  return name === 'vit-tiny'
    ? visionTransformer({ name, patch: 8, width: 32, depth: 3, heads: 4, hidden: 64 }, image)
    : createBackbone(name, image);
}

const modelOf = (name: string, side: number): Model =>
  createModel(backboneOf(name, side), parseHead('learned'), classes);

const imagesOf = (side: number): HostTensor => {
  const values = Float32Array.from(uniform('images', batch * 3 * side * side), (u) => 2 * u);
  return float32([batch, 3, side, side], values);
};

/** The formula's weights of all parameters and buffers. */
const weightsOf = (model: Model): ReadonlyMap<string, HostTensor> => {
  const { parameters, buffers } = modelTensors(model);
  return new Map([...parameters, ...buffers].map((spec) => [spec.name, formulaWeight(spec)] as const));
};

async function run(graph: Graph, feeds: ReadonlyMap<string, HostTensor>, purpose: SessionPurpose) {
  const session = await (await cpuRuntime()).createSession(toOnnx(graph), purpose);
  try {
    const results = await session.run(Object.fromEntries(feeds));
    return (name: string): Float32Array => {
      const value = defined(results[name], name);
      return value.dtype === 'float32' ? value.data : new Float32Array();
    };
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

/** A graph of the loss of one batch and of the gradient of every parameter. */
function trainingGraph(model: Model, side: number): Graph {
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', [batch, 3, side, side]);
  const labels = b.input('labels', 'int32', [batch]);
  const c = createLayerContext(b);
  const options = { labelSmoothing: 0, softmax: { kind: 'auto' } } as const;
  b.output(model.head.objective(c, model.backbone.forward(c, images), labels, options).loss, 'loss');
  const wrt = c.tensors().parameters.map(({ name }) => name);
  const { graph, gradients: gradientOf } = gradients(b.build(), { loss: 'loss', wrt });
  const complete = createBuilder(model.name, graph);
  for (const name of wrt) complete.output(complete.value(defined(gradientOf.get(name), name)), `gradient/${name}`);
  return lower(complete.build(), { kind: 'portable' });
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

const product = (values: Float32Array, direction: Float64Array): number =>
  values.reduce((sum, value, index) => sum + value * (direction[index] ?? 0), 0);

test.each(models)('$model on $side pixels has the logits of PyTorch', async ({ model: name, side, logits }) => {
  const model = modelOf(name, side);
  const graph = evaluationGraph(model, weightsOf(model));
  const output = await run(graph, new Map([['images', imagesOf(side)]]), 'inference');
  expectAllclose(output('logits'), logits, { what: name, atol: 2e-5 * Math.max(...logits.map(Math.abs)) });
});

describe.each(models.flatMap(({ training, ...rest }) => (training === undefined ? [] : [{ ...training, ...rest }])))(
  '$model on $side pixels',
  ({ model: name, side, loss, gradients: expected }) => {
    test('has the loss and the gradients of PyTorch', async () => {
      const model = modelOf(name, side);
      const labels = int32(
        [batch],
        Int32Array.from({ length: batch }, (_, index) => (index * 3) % classes),
      );
      const given = new Map([['images', imagesOf(side)], ['labels', labels], ...weightsOf(model)]);
      const graph = trainingGraph(model, side);
      const feeds = new Map([...given].filter(([name]) => graph.inputs.includes(name)));
      const output = await run(graph, feeds, 'training');
      expectAllclose(output('loss'), [loss], { what: 'loss', rtol: 1e-5 });
      expect(graph.outputs.filter((each) => each !== 'loss').sort()).toEqual(
        Object.keys(expected)
          .map((each) => `gradient/${each}`)
          .sort(),
      );
      for (const [parameter, [projection, length]] of Object.entries(expected)) {
        const gradient = output(`gradient/${parameter}`);
        const along = product(gradient, uniform(`projection ${parameter}`, gradient.length));
        // A ReLU6 or a maximum near its kink goes either way in float32. A bias in front of BatchNorm has the gradient 0.
        const atol = 1e-2 * Math.max(length, 1e-3);
        expectAllclose([along, norm(gradient)], [projection, length], { what: parameter, atol });
      }
    });
  },
);
