import proto from 'onnx-proto';
import { expect, it } from 'vitest';
import { bindInputs, float32, gradients, graph, lower, readOnnx } from '../src/index.ts';
import { expectAllclose } from './support/allclose.ts';
import { cpuRuntime } from './support/onnx-runtime.ts';

/** y = mean(x·w), as another program may write it: opset 11, axes in an attribute, a symbolic batch. */
function model(): Uint8Array {
  const { AttributeType } = proto.onnx.AttributeProto;
  const dim = [{ dimParam: 'batch' }, { dimValue: 2 }];
  return proto.onnx.ModelProto.encode({
    irVersion: 6,
    opsetImport: [{ domain: '', version: 11 }],
    graph: {
      name: 'g',
      input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim } } } }],
      output: [{ name: 'loss' }],
      initializer: [{ name: 'w', dims: [2, 1], dataType: 1, floatData: [3, -1] }],
      node: [
        { opType: 'MatMul', input: ['x', 'w'], output: ['p'] },
        {
          opType: 'ReduceMean',
          input: ['p'],
          output: ['loss'],
          attribute: [
            { name: 'axes', type: AttributeType.INTS, ints: [0, 1] },
            { name: 'keepdims', type: AttributeType.INT, i: 0 },
          ],
        },
      ],
    },
  }).finish();
}

it('gradients of a model from a file, by its own initializers, through the public API', async () => {
  const bound = bindInputs(readOnnx(model()).graph, new Map([['x', [2, 2]]]));
  const step = gradients(bound, { loss: 'loss', wrt: ['w', 'x'] });
  const names = ['w', 'x'].map((name) => step.gradients.get(name) ?? '');
  const lowered = lower(graph.keepOutputs(step.graph, names), { kind: 'portable' });
  const runtime = await cpuRuntime();
  const session = await runtime.createSession(graph.toOnnx(lowered), 'inference');
  try {
    const results = await session.run({ x: float32([2, 2], [1, 2, 3, 4]) });
    const [gw, gx] = names.map((name) => Array.from(results[name]?.data ?? [], Number));
    // ∂/∂w = mean of the rows of x; ∂/∂x = wᵀ/2 in every row.
    expectAllclose(gw ?? [], [2, 3], { what: 'gradient of w', rtol: 1e-6 });
    expectAllclose(gx ?? [], [1.5, -0.5, 1.5, -0.5], { what: 'gradient of x', rtol: 1e-6 });
    expect(results[names[0] ?? '']?.shape).toEqual([2, 1]);
  } finally {
    await session[Symbol.asyncDispose]();
  }
});
