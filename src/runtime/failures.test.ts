import { describe, expect, test } from 'vitest';
import { FixheadError } from '../core/errors.ts';
import { float32, int64 } from '../core/tensor.ts';
import { openRuntime } from './index.ts';
import { messageOf } from './failures.ts';
import { tinyModel, type TinyNode, type TinyValue } from './tiny-models.ts';

const f = (name: string, ...shape: (number | string)[]): TinyValue => ({ name, dtype: 'float32', shape });
const runtime = await openRuntime({ device: 'cpu' });

async function loadError(bytes: Uint8Array): Promise<unknown> {
  return runtime.createSession(bytes, 'inference').then(
    () => 'loaded',
    (problem: unknown) => problem,
  );
}

function model(node: TinyNode, inputs: readonly TinyValue[]): Uint8Array {
  return tinyModel([node], inputs, [f('y', 'a', 'b')]);
}

describe('a model that ONNX Runtime rejects is an input error with its message, a hint and the cause', () => {
  test.each([
    ['no bytes', new Uint8Array(0), /Model data pointer is null.*may be damaged or cut off/],
    ['not a model', Uint8Array.of(1, 2, 3), /protobuf parsing failed.*may be damaged or cut off/],
    [
      'an operator that does not exist',
      model({ op: 'Foo', inputs: ['x'], outputs: ['y'] }, [f('x', 1, 1)]),
      /No Op registered for Foo.*does not have on this device/,
    ],
    [
      'a domain that does not exist',
      model({ op: 'Foo', domain: 'my.own', inputs: ['x'], outputs: ['y'] }, [f('x', 1, 1)]),
      /Foo.*is not a registered function\/op.*does not have on this device/,
    ],
    [
      'shapes that contradict each other',
      model({ op: 'Add', inputs: ['x', 'z'], outputs: ['y'] }, [f('x', 3, 3), f('z', 2, 2)]),
      /Incompatible dimensions.*contradicts itself/,
    ],
  ])('%s', async (_, bytes, text) => {
    const problem = await loadError(bytes);
    expect(problem).toBeInstanceOf(FixheadError);
    expect(problem).toMatchObject({ kind: 'input', message: expect.stringMatching(text) as string });
    expect(problem).toMatchObject({
      message: expect.stringMatching(/^model on cpu: the model could not be loaded/) as string,
    });
    expect((problem as FixheadError).cause).toBeInstanceOf(Error);
  });
});

test('running out of memory says so, and the session can still be used', async () => {
  const bytes = model({ op: 'Expand', inputs: ['x', 'size'], outputs: ['y'] }, [
    f('x', 1),
    { name: 'size', dtype: 'int64', shape: [2] },
  ]);
  await using session = await runtime.createSession(bytes, 'inference');
  const x = float32([1], [7]);
  await expect(session.run({ x, size: int64([2], [1e7, 1e7]) })).rejects.toThrow(
    /^model on cpu: the model failed to run; ONNX Runtime says ".*Failed to allocate memory.*"; not enough memory: use a smaller batch/,
  );
  expect(await session.run({ x, size: int64([2], [1, 2]) })).toEqual({ y: float32([1, 2], [7, 7]) });
});

test("places in ONNX Runtime's source are left out of its messages", () => {
  const raw =
    'Status Message: /onnxruntime_src/core/reshape_helper.h:91 onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, bool) sizes differ\n\n';
  expect(messageOf(new Error(raw))).toBe('Status Message: sizes differ');
  const lambda =
    '/src/webgpu_context.cc:136 a::Initialize(const a::Config&)::<lambda()> Failed to get a WebGPU adapter\n';
  expect(messageOf(new Error(lambda))).toBe('Failed to get a WebGPU adapter');
  expect(messageOf('plain text')).toBe('plain text');
});
