import * as ort from 'onnxruntime-web';
import { expect, test } from 'vitest';
import { float32 } from '../core/tensor.ts';
import type { Engine } from './engine.ts';
import { createStatefulSession } from './stateful.ts';
import { createSession } from './session-core.ts';
import { tinyModel, type TinyValue } from './tiny-models.ts';

const engine: Engine = {
  ort,
  name: 'wasm',
  sessionOptions: () => ({ executionProviders: ['wasm'] }),
  halfPrecision: () => Promise.resolve(false),
  state: 'returned',
  download: () => Promise.reject(new Error('nothing is on a device')),
};

const f = (name: string, ...shape: number[]): TinyValue => ({ name, dtype: 'float32', shape });
const bytes = tinyModel(
  [
    { op: 'Mul', inputs: ['w', 'x'], outputs: ['next'] },
    { op: 'Neg', inputs: ['next'], outputs: ['loss'] },
  ],
  [f('w', 2), f('x')],
  [f('next', 2), f('loss', 2)],
);

test('the same sessions run on the WebAssembly build that browsers use', async () => {
  const state = [{ input: 'w', output: 'next', initial: float32([2], [8, -16]) }];
  await using session = await createStatefulSession(engine, { bytes, state, outputs: ['loss'] });
  const x = float32([], [0.5]);
  expect(await session.step({ x })).toEqual({ loss: float32([2], [-4, 8]) });
  expect(await session.step({ x })).toEqual({ loss: float32([2], [-2, 4]) });
  await session.writeState({ w: float32([2], [2, 2]) });
  await Promise.all([session.step({ x }), session.step({ x })]);
  expect(await session.readState()).toEqual({ w: float32([2], [0.5, 0.5]) });
});

test('concurrent runs of one session wait for each other', async () => {
  await using session = await createSession(engine, bytes, 'inference');
  const w = float32([2], [1, 2]);
  const results = await Promise.all([1, 2, 3].map((factor) => session.run({ w, x: float32([], [factor]) })));
  expect(results.map((result) => [...(result['next']?.data ?? [])])).toEqual([
    [1, 2],
    [2, 4],
    [3, 6],
  ]);
});
