import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined, inputError } from '../../src/core/errors.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, int32, type HostTensor } from '../../src/core/tensor.ts';
import { bindInputs } from '../../src/graph/bind.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { readOnnx } from '../../src/graph/onnx-read.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { keepOutputs } from '../../src/graph/passes.ts';
import { lower, type LoweringTarget } from '../../src/lowering/lower.ts';
import { crossEntropy, oneHot } from '../../src/nn/losses.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';

/** What export.py says of a model. */
interface Facts {
  readonly images: readonly number[];
  readonly labels: readonly number[];
  readonly classes: number;
  readonly loss: number;
  readonly parameters: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly norm: number;
    readonly float32Error: number;
  }[];
}

/** How far one gradient is from PyTorch's float64 one: ‖g − g₆₄‖/‖g₆₄‖. */
export interface TensorError {
  readonly name: string;
  readonly ours: number;
  /** PyTorch's own float32 gradient from its float64 one. */
  readonly theirs: number;
}

/** All gradients of a model beside PyTorch's. */
export interface Comparison {
  readonly name: string;
  readonly tensors: readonly TensorError[];
  readonly parameters: number;
  /** |L − L₆₄|. */
  readonly lossError: number;
  readonly nodes: number;
}

/**
 * What float32 explains: ten times what PyTorch's own float32 pass is off in the same tensor or, where that was lucky, in the model's
 * median tensor, and no less than 1e-5.
 */
export function tolerances({ tensors }: Comparison): readonly number[] {
  const sorted = tensors.map(({ theirs }) => theirs).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return tensors.map(({ theirs }) => 10 * Math.max(theirs, median, 1e-6));
}

async function floats(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function relativeError(actual: Float32Array, expected: Float32Array): number {
  let [difference, norm] = [0, 0];
  expected.forEach((value, index) => {
    difference += (value - (actual[index] ?? Number.NaN)) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

/** The model bound to a batch, its parameters as inputs, with its loss and the gradients of all parameters as outputs. */
export function gradientGraph(model: Graph, facts: Pick<Facts, 'images' | 'classes'>, wrt: readonly string[]) {
  const open: Graph = {
    ...model,
    inputs: [...model.inputs, ...wrt],
    initializers: new Map([...model.initializers].filter(([name]) => !wrt.includes(name))),
  };
  const b = createBuilder(model.name, bindInputs(open, new Map([['images', facts.images]])));
  const labels = b.input('labels', 'int32', [facts.images[0] ?? 1]);
  const loss = crossEntropy(b, b.value('logits'), oneHot(b, labels, facts.classes));
  const { graph, gradients: names } = gradients(b.build(), { loss: loss.name, wrt });
  const nameOf = (parameter: string): string => defined(names.get(parameter), `gradient of ${parameter}`);
  return { graph: keepOutputs(graph, [loss.name, ...wrt.map(nameOf)]), loss: loss.name, nameOf };
}

/** Reads an exported model, differentiates it with respect to all of its parameters, runs that, and compares with PyTorch. */
export async function compareGradients(
  folder: string,
  name: string,
  { runtime, target }: { readonly runtime: Runtime; readonly target: LoweringTarget },
): Promise<Comparison> {
  const path = join(folder, name);
  const facts = JSON.parse(await readFile(`${path}.json`, 'utf8')) as Facts;
  const model = readOnnx(await readFile(`${path}.onnx`), `${name}.onnx`).graph;
  const wrt = facts.parameters.map((parameter) => parameter.name);
  const missing = wrt.filter((parameter) => !model.initializers.has(parameter));
  if (missing.length > 0) throw inputError('parameters are missing', { where: name, received: missing.join(', ') });
  const { graph, loss, nameOf } = gradientGraph(model, facts, wrt);
  const feeds: Record<string, HostTensor> = {
    images: float32(facts.images, await floats(`${path}.images.bin`)),
    labels: int32([facts.labels.length], facts.labels),
  };
  for (const parameter of wrt) feeds[parameter] = defined(model.initializers.get(parameter), parameter);
  await using session = await runtime.createSession(toOnnx(lower(graph, target)), 'training');
  const results = await session.run(feeds);
  const expected = await floats(`${path}.gradients.bin`);
  let offset = 0;
  const tensors = facts.parameters.map(({ name: parameter, shape, float32Error }): TensorError => {
    const actual = results[nameOf(parameter)];
    if (actual?.dtype !== 'float32') throw inputError('no gradient came back', { where: parameter });
    const exact = expected.subarray(offset, offset + sizeOf(shape));
    offset += sizeOf(shape);
    return { name: parameter, ours: relativeError(actual.data, exact), theirs: float32Error };
  });
  const value = results[loss];
  const lossError = Math.abs((value?.dtype === 'float32' ? (value.data[0] ?? Number.NaN) : Number.NaN) - facts.loss);
  return { name, tensors, parameters: offset, lossError, nodes: graph.nodes.length };
}
