import { randomStream } from '../../src/core/random.ts';
import { sizeOf, type Dim, type StaticShape } from '../../src/core/shape.ts';
import { float32 } from '../../src/core/tensor.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import { add, conv, flatten, globalAveragePool, matmul, relu, reshape, softmax } from '../../src/graph/functions.ts';
import type { ForeignAttribute, Graph } from '../../src/graph/graph.ts';
import { readOnnx } from '../../src/graph/onnx-read.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { OPSET } from '../../src/graph/ops.ts';

/** Random weights of a name, a pure function of it. */
export function weights(b: Builder, name: string, ...shape: StaticShape): Value {
  const random = randomStream(1, 'read-network', name);
  const fan = Math.max(1, sizeOf(shape.slice(1)));
  return b.named(
    name,
    float32(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => random.normal() / Math.sqrt(fan)),
    ),
  );
}

/** The graph of a file that another program could have written: built, written and read again. */
export function readAgain(body: (b: Builder) => void): Graph {
  const b = createBuilder('network');
  body(b);
  return readOnnx(toOnnx(b.build(), { producer: 'another' }), 'network.onnx').graph;
}

/** A node of an operator that the table lacks, with one output of the operand's type. */
export function foreignNode(
  b: Builder,
  opType: string,
  inputs: readonly Value[],
  options: { readonly domain?: string; readonly attributes?: ReadonlyMap<string, ForeignAttribute> } = {},
): Value {
  const { domain = '', attributes = new Map<string, ForeignAttribute>() } = options;
  const name = `${opType}_0`;
  const type = inputs[0]?.type;
  b.raw(
    {
      kind: 'foreign',
      ...{ opType, domain, name, attributes },
      version: domain === '' ? OPSET : 1,
      inputs: inputs.map((each) => each.name),
      outputs: [name],
    },
    type === undefined ? new Map() : new Map([[name, type]]),
  );
  return b.value(name);
}

/** What a small classifier of images consists of. */
export interface NetworkChoice {
  readonly channels: number;
  readonly features: number;
  readonly classes: number;
  readonly residual: boolean;
  readonly norm: boolean;
  readonly classifier: 'gemm' | 'gemm-columns' | 'gemm-scaled' | 'matmul' | 'conv';
  readonly softmax: boolean;
  readonly batch: Dim;
}

export const usualNetwork: NetworkChoice = {
  ...{ channels: 3, features: 4, classes: 5, residual: true, norm: true },
  ...{ classifier: 'gemm', softmax: false, batch: 'n' },
};

/** The classifier of features `[batch, features, h, w]`, in one of the ways in which programs write it. */
function classify(b: Builder, map: Value, { classifier, features, classes }: NetworkChoice): Value {
  const pooled = globalAveragePool(b, map);
  const gemm = (
    weight: Value,
    attributes: { readonly alpha: number; readonly beta: number; readonly transB: number },
  ) => b.op('Gemm', [flatten(b, pooled), weight, weights(b, 'fc.bias', classes)], { ...attributes, transA: 0 });
  switch (classifier) {
    case 'gemm':
      return gemm(weights(b, 'fc.weight', classes, features), { alpha: 1, beta: 1, transB: 1 });
    case 'gemm-columns':
      return gemm(weights(b, 'fc.weight', features, classes), { alpha: 1, beta: 1, transB: 0 });
    case 'gemm-scaled':
      return gemm(weights(b, 'fc.weight', classes, features), { alpha: 0.5, beta: 2, transB: 1 });
    case 'matmul': {
      const product = matmul(b, flatten(b, pooled), weights(b, 'fc.weight', features, classes));
      return add(b, product, weights(b, 'fc.bias', classes));
    }
    case 'conv': {
      const scores = conv(b, pooled, weights(b, 'fc.weight', classes, features, 1, 1), {
        bias: weights(b, 'fc.bias', classes),
      });
      return reshape(b, scores, [-1, classes]);
    }
    default:
      return classifier satisfies never;
  }
}

/** A small residual network on images of 6×6. */
export function smallNetwork(choice: NetworkChoice = usualNetwork): Graph {
  const { channels, features, batch } = choice;
  return readAgain((b) => {
    const convolution = (name: string, x: Value): Value => {
      const inputs = Number(x.type.shape[1]);
      const y = conv(b, x, weights(b, `${name}.conv.weight`, features, inputs, 3, 3), { padding: 1 });
      if (!choice.norm) return y;
      const vector = (part: string): Value => weights(b, `${name}.bn.${part}`, features);
      const variance = b.named(`${name}.bn.running_var`, float32([features], new Float32Array(features).fill(1.5)));
      const operands = [y, vector('weight'), vector('bias'), vector('running_mean'), variance] as const;
      return b.op('BatchNormalization', operands, { epsilon: 1e-5 });
    };
    let x = relu(b, convolution('stem', b.input('images', 'float32', [batch, channels, 6, 6])));
    for (const name of choice.residual ? ['layer1.0', 'layer1.1'] : []) {
      const inner = relu(b, convolution(`${name}.first`, x));
      x = relu(b, add(b, x, convolution(`${name}.second`, inner)));
    }
    const scores = classify(b, x, choice);
    b.output(choice.softmax ? softmax(b, scores) : scores, 'scores');
  });
}
