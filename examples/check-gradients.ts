/**
 * Gradients of a model of your own: read it, bind its shapes, add a loss, differentiate, run, and compare one slope with a
 * finite difference.
 *
 *   npx tsx examples/check-gradients.ts model.onnx
 */
import { readFile } from 'node:fs/promises';
import { float32, gradients, graph, lower, openRuntime, randomStream, type HostTensor } from 'fixhead';

const path = process.argv[2] ?? 'digits.onnx';
const { graph: read } = graph.readOnnx(await readFile(path), path);

// Two images of the size that the file states; symbolic sizes beside the batch would need numbers too.
const [input = ''] = read.inputs;
const [, ...size] = (read.types.get(input)?.shape ?? []).map(Number);
const shape = [2, ...size];
const bound = graph.bindInputs(read, new Map([[input, shape]]));

// The loss: the mean of the squared outputs.
const b = graph.createBuilder('check', { ...bound, outputs: [] });
const output = b.value(bound.outputs[0] ?? '');
const axes = output.type.shape.map((_, axis) => axis);
b.output(graph.reduceMean(b, graph.mul(b, output, output), axes), 'loss');
const forward = b.build();

// Filters and matrices with their biases.
const weights = [
  ...new Set(
    forward.nodes.flatMap((node) =>
      node.kind === 'op' && ['Conv', 'Gemm', 'MatMul'].includes(node.op) ? node.inputs.slice(1) : [],
    ),
  ),
].filter((name) => forward.initializers.has(name));
const backward = gradients(forward, { loss: 'loss', wrt: weights });
const withGradients = graph.createBuilder('gradients', backward.graph);
for (const [name, gradient] of backward.gradients) {
  withGradients.output(withGradients.value(gradient), `gradient of ${name}`);
}

const runtime = await openRuntime();
const random = randomStream(0, 'images');
const count = shape.reduce((product, dim) => product * dim, 1);
const images = float32(
  shape,
  Float32Array.from({ length: count }, () => random.normal()),
);
const run = async (model: typeof forward) => {
  await using session = await runtime.createSession(graph.toOnnx(lower(model, { kind: 'portable' })), 'inference');
  return await session.run({ [input]: images });
};
const numbers = (value: HostTensor | undefined): Float32Array => {
  if (value?.dtype !== 'float32') throw new Error('not float32');
  return value.data;
};

const outputs = await run(withGradients.build());
for (const name of weights) {
  const gradient = numbers(outputs[`gradient of ${name}`]);
  const given = numbers(forward.initializers.get(name));
  // Along its own direction a gradient g changes the loss by ‖g‖ for each unit of length.
  const norm = Math.hypot(...gradient);
  const step = (0.01 * Math.hypot(...given)) / norm;
  const lossAt = async (factor: number): Promise<number> => {
    const moved = float32(
      forward.initializers.get(name)?.shape.map(Number) ?? [],
      given.map((value, index) => value + factor * step * (gradient[index] ?? 0)),
    );
    const other = { ...forward, initializers: new Map([...forward.initializers, [name, moved]]) };
    return numbers((await run(other))['loss'])[0] ?? Number.NaN;
  };
  const slope = ((await lossAt(1)) - (await lossAt(-1))) / (2 * step * norm);
  console.log(`${name}: gradient of norm ${norm.toPrecision(4)}, by finite differences ${slope.toPrecision(4)}`);
}
