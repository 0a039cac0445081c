import { expect, test } from 'vitest';
import { float32, tensor } from '../core/tensor.ts';
import { cpuSessionOptions } from './cpu.ts';
import { openRuntime } from './index.ts';
import { tinyModel } from './tiny-models.ts';

const size = 1 << 20;
// Bit pattern 1000 is 1000 · 2^-149 = 1.4e-42, below the smallest normalised float32.
const denormals = tensor('float32', [size], new Float32Array(new Uint32Array(size).fill(1000).buffer));

test.runIf(process.arch === 'x64')(
  'all threads of all sessions flush denormals to zero, also after the probe',
  async () => {
    const runtime = await openRuntime({ device: 'cpu', threads: 2 });
    const bytes = tinyModel(
      [{ op: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
      [
        { name: 'x', dtype: 'float32', shape: [size] },
        { name: 'factor', dtype: 'float32', shape: [] },
      ],
      [{ name: 'y', dtype: 'float32', shape: [size] }],
    );
    for (const purpose of ['training', 'inference'] as const) {
      await using session = await runtime.createSession(bytes, purpose);
      const { y } = await session.run({ x: denormals, factor: float32([], [0.5]) });
      // The bits are compared: JavaScript's arithmetic in this thread would read a denormal as zero too.
      expect(new Uint32Array(y?.data.buffer ?? new ArrayBuffer(0)).findIndex((bits) => bits !== 0)).toBe(-1);
      expect(y?.shape).toEqual([size]);
    }
  },
);

test('only a program that asks for little memory runs without the arena, and computes the same', async () => {
  expect(cpuSessionOptions('training', 1).enableCpuMemArena).toBe(true);
  expect(cpuSessionOptions('training', 1, 'fast').enableCpuMemArena).toBe(true);
  expect(cpuSessionOptions('training', 1, 'small')).toEqual({
    ...cpuSessionOptions('training', 1),
    enableCpuMemArena: false,
  });
  const runtime = await openRuntime({ device: 'cpu', threads: 1 });
  const value = (name: string) => ({ name, dtype: 'float32' as const, shape: [2] });
  const bytes = tinyModel([{ op: 'Mul', inputs: ['w', 'w'], outputs: ['next'] }], [value('w')], [value('next')]);
  const state = [{ input: 'w', output: 'next', initial: float32([2], [3, -2]) }];
  await using session = await runtime.createStatefulSession({ bytes, state, outputs: [], memory: 'small' });
  await session.step({});
  await session.step({});
  expect(await session.readState()).toEqual({ w: float32([2], [81, 16]) });
});
