import { afterAll, describe, expect, test } from 'vitest';
import { float32, int64 } from '../core/tensor.ts';
import { openRuntime, type Device, type Runtime, type StatefulProgram } from './index.ts';
import { tinyModel, type TinyValue } from './tiny-models.ts';

const f = (name: string, ...shape: number[]): TinyValue => ({ name, dtype: 'float32', shape });

/** The device, or the reason why it is not there. */
async function open(device: Device): Promise<Runtime | string> {
  try {
    return await openRuntime({ device, threads: 2, cpuFallback: false });
  } catch (problem) {
    return problem instanceof Error ? problem.message : String(problem);
  }
}

const devices: readonly Device[] = ['cpu', 'webgpu', 'cuda'];
const opened = await Promise.all(devices.map(async (device) => [device, await open(device)] as const));

/**
 * w ← w − w·x and loss = Σ w·x, with a reshape to `rows` that fails at run time unless rows = [2].
 * With x = 1/2 every value is exact: w halves at each step.
 */
function halving(): StatefulProgram {
  const bytes = tinyModel(
    [
      { op: 'Mul', inputs: ['w', 'x'], outputs: ['delta'] },
      { op: 'Sub', inputs: ['w', 'delta'], outputs: ['next'] },
      { op: 'Reshape', inputs: ['delta', 'rows'], outputs: ['shaped'] },
      { op: 'Neg', inputs: ['shaped'], outputs: ['loss'] },
      { op: 'Neg', inputs: ['next'], outputs: ['unused'] },
    ],
    [f('w', 2), f('x', 2), { name: 'rows', dtype: 'int64', shape: [1] }],
    [f('next', 2), f('loss', 2), f('unused', 2)],
  );
  return { bytes, state: [{ input: 'w', output: 'next', initial: float32([2], [8, -16]) }], outputs: ['loss'] };
}

const half = float32([2], [0.5, 0.5]);
const good = { x: half, rows: int64([1], [2]) };
const bad = { x: half, rows: int64([1], [3]) };

describe.each(opened)('%s', (device, found) => {
  if (typeof found === 'string') {
    test.skip(`not tested: ${found}`, () => undefined);
    return;
  }
  const runtime = found;

  test('says what it is', () => {
    expect(runtime.device).toBe(device);
    expect(runtime.description).toMatch(/ONNX Runtime 1\.\d+\.\d+/);
    expect(device === 'cpu' ? [0, 8, 16] : [0]).toContain(runtime.blockSize);
  });

  test('a session runs with every batch size', async () => {
    const dim = ['batch', 2];
    const bytes = tinyModel(
      [{ op: 'Mul', inputs: ['x', 'x'], outputs: ['y'] }],
      [{ name: 'x', dtype: 'float32', shape: dim }],
      [{ name: 'y', dtype: 'float32', shape: dim }],
    );
    await using session = await runtime.createSession(bytes, 'inference');
    expect(session.inputNames).toEqual(['x']);
    expect(session.outputNames).toEqual(['y']);
    expect(await session.run({ x: float32([1, 2], [2, 3]) })).toEqual({ y: float32([1, 2], [4, 9]) });
    expect(await session.run({ x: float32([2, 2], [1, 2, 3, 4]) })).toEqual({ y: float32([2, 2], [1, 4, 9, 16]) });
  });

  test('a grouped convolution is right where five outputs per group do not fill the vector of four', async () => {
    const bytes = tinyModel(
      [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: { group: 4 } }],
      [f('x', 1, 4, 3, 3), f('w', 20, 1, 3, 3)],
      [f('y', 1, 20, 1, 1)],
    );
    await using session = await runtime.createSession(bytes, 'inference');
    // Channel c of x is c + 1 everywhere and filter o is o everywhere: 9 products each, exact in float32.
    const x = float32(
      [1, 4, 3, 3],
      Float32Array.from({ length: 36 }, (_, index) => Math.floor(index / 9) + 1),
    );
    const w = float32(
      [20, 1, 3, 3],
      Float32Array.from({ length: 180 }, (_, index) => Math.floor(index / 9)),
    );
    const y = Float32Array.from({ length: 20 }, (_, output) => 9 * output * (Math.floor(output / 5) + 1));
    expect(await session.run({ x, w })).toEqual({ y: float32([1, 20, 1, 1], y) });
  });

  test('state carries over from step to step and only the asked outputs come back', async () => {
    await using session = await runtime.createStatefulSession(halving());
    expect(await session.step(good)).toEqual({ loss: float32([2], [-4, 8]) });
    expect(await session.step(good)).toEqual({ loss: float32([2], [-2, 4]) });
    expect(await session.step(good)).toEqual({ loss: float32([2], [-1, 2]) });
    expect(await session.readState()).toEqual({ w: float32([2], [1, -2]) });
  });

  test('what is read is a copy, and what was given as first value is copied', async () => {
    const program = halving();
    await using session = await runtime.createStatefulSession(program);
    program.state[0]?.initial.data.fill(99 as never);
    const before = await session.readState();
    await session.step(good);
    await session.step(good);
    expect(before).toEqual({ w: float32([2], [8, -16]) });
    before['w']?.data.fill(77 as never);
    expect(await session.readState()).toEqual({ w: float32([2], [2, -4]) });
  });

  test('written state is copied and used by the next step', async () => {
    await using session = await runtime.createStatefulSession(halving());
    await session.step(good);
    const w = float32([2], [32, 64]);
    await session.writeState({ w });
    w.data.fill(0);
    expect(await session.readState()).toEqual({ w: float32([2], [32, 64]) });
    await session.step(good);
    expect(await session.readState()).toEqual({ w: float32([2], [16, 32]) });
  });

  test('a step that fails leaves the state, and concurrent steps before and after it count', async () => {
    await using session = await runtime.createStatefulSession(halving());
    const results = await Promise.allSettled([session.step(good), session.step(bad), session.step(good)]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({
      reason: { kind: 'input', message: expect.stringMatching(/model failed to run.*cannot be reshaped/) as string },
    });
    expect(await session.readState()).toEqual({ w: float32([2], [2, -4]) });
  });

  test('a released session says so, after finishing what was asked before', async () => {
    const session = await runtime.createStatefulSession(halving());
    const step = session.step(good);
    const release = session[Symbol.asyncDispose]();
    await expect(step).resolves.toEqual({ loss: float32([2], [-4, 8]) });
    await release;
    await expect(session[Symbol.asyncDispose]()).resolves.toBeUndefined();
    await expect(session.step(good)).rejects.toThrow('the session was released and cannot be used any more');
    await expect(session.readState()).rejects.toThrow('the session was released');
    await expect(session.writeState({ w: half })).rejects.toThrow('the session was released');
  });

  describe('feeds are checked before the run', () => {
    test.each([
      ['missing', { x: half }, 'input "rows": input is missing; expected int64 [1], received only x'],
      ['unknown', { ...good, z: half }, 'input "z": unknown input; choose from x, rows'],
      [
        'wrong shape',
        { ...good, x: float32([1, 2], [1, 2]) },
        'input "x": wrong shape; expected float32 [2], received float32 [1, 2]',
      ],
      [
        'wrong type',
        { ...good, x: int64([2], [1, 2]) },
        'input "x": wrong element type; expected float32 [2], received int64 [2]',
      ],
      [
        'state',
        { ...good, w: half },
        'input "w": this input is state, which the session keeps: change it with writeState',
      ],
    ])('%s', async (_, feeds, message) => {
      await using session = await runtime.createStatefulSession(halving());
      await expect(session.step(feeds)).rejects.toThrow(message);
      expect(await session.readState()).toEqual({ w: float32([2], [8, -16]) });
    });
  });

  test.each([
    ['missing', {}, 'state tensor "w": state tensor is missing; expected float32 [2], received nothing'],
    ['unknown', { w: half, v: half }, 'state tensor "v": unknown state tensor; choose from w'],
    [
      'misshapen',
      { w: float32([3], [1, 2, 3]) },
      'state tensor "w": wrong shape; expected float32 [2], received float32 [3]',
    ],
  ])('%s state is not written', async (_, state, message) => {
    await using session = await runtime.createStatefulSession(halving());
    await expect(session.writeState(state)).rejects.toThrow(message);
    expect(await session.readState()).toEqual({ w: float32([2], [8, -16]) });
  });

  test('a program that does not fit its graph is an error', async () => {
    const program = halving();
    const [slot] = program.state;
    if (slot === undefined) throw new Error('no state');
    const create = (changed: Partial<StatefulProgram>): Promise<unknown> =>
      runtime.createStatefulSession({ ...program, ...changed });
    await expect(create({ outputs: ['accuracy'] })).rejects.toThrow(
      'output "accuracy": the graph has no such output; choose from next, loss, unused',
    );
    await expect(create({ state: [{ ...slot, input: 'v' }] })).rejects.toThrow(
      'input "v": the graph has no such input',
    );
    await expect(create({ state: [{ ...slot, initial: float32([1], [1]) }] })).rejects.toThrow(
      'state input "w": the first value does not fit the graph; expected float32 [2], received float32 [1]',
    );
  });

  test.runIf(device !== 'cpu')('without fallback a model that needs the CPU does not load', async () => {
    const bytes = tinyModel(
      [{ op: 'Det', inputs: ['x'], outputs: ['y'] }],
      [f('x', 2, 2)],
      [{ name: 'y', dtype: 'float32', shape: [] }],
    );
    await expect(runtime.createSession(bytes, 'inference')).rejects.toThrow('some operators do not run on this device');
    const withFallback = await openRuntime({ device });
    await using session = await withFallback.createSession(bytes, 'inference');
    expect((await session.run({ x: float32([2, 2], [1, 2, 3, 4]) }))['y']?.data[0]).toBeCloseTo(-2, 5);
  });
});

afterAll(() => {
  if (typeof opened[0]?.[1] === 'string') throw new Error(`the CPU must be there: ${opened[0][1]}`);
});
