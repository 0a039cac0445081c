import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { defined, usageError } from '../core/errors.ts';
import { isStatic } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import type { Engine } from './engine.ts';
import type { StatefulProgram, StatefulSession, Tensors } from './runtime.ts';
import { feedsToOrt, loadModel, tensorsFromOrt, type LoadedModel } from './session-core.ts';
import { checkTensors, copyOf, describe, fits, fromOrt, toOrt, type Signature, type Signatures } from './tensors.ts';

type State = Record<string, Tensor>;

/**
 * A session whose state stays on the device.
 *
 * Either two sets of host buffers take turns: a step reads one and writes the other. Or the tensors that a step returns
 * become the next state and the old ones are released. Both change hands only when the step has succeeded, so a failed
 * one leaves the state as it was.
 */
export async function createStatefulSession(engine: Engine, program: StatefulProgram): Promise<StatefulSession> {
  const options = { ...engine.sessionOptions('training', program.memory), ...outputLocations(engine, program) };
  const model = await loadModel(engine, program.bytes, options);
  try {
    return openState(engine, program, model);
  } catch (problem) {
    await model.release();
    throw problem;
  }
}

function openState(engine: Engine, program: StatefulProgram, model: LoadedModel): StatefulSession {
  const signatures = checkProgram(program, model);
  const stateInputs = new Set(signatures.keys());
  const feedSignatures: Signatures = new Map([...model.inputs].filter(([name]) => !stateInputs.has(name)));
  const firstState = (): State =>
    Object.fromEntries(program.state.map(({ input, initial }) => [input, ownTensor(engine, input, initial)]));

  let current = firstState();
  let spare = engine.state === 'swapped' ? firstState() : undefined;

  // With output locations, onnxruntime-node wants every output of the graph fetched.
  const fetched = engine.state === 'on-gpu' ? [...model.outputs.keys()] : program.outputs;

  const advance = async (feeds: State): Promise<Tensors> => {
    const fetches: Record<string, Tensor | null> = Object.fromEntries(fetched.map((name) => [name, null]));
    for (const { input, output } of program.state) fetches[output] = spare?.[input] ?? null;
    const results = await model.run({ ...current, ...feeds }, fetches);
    const outputs = tensorsFromOrt(
      Object.fromEntries(program.outputs.map((name) => [name, defined(results[name], `output ${name}`)])),
    );
    const previous = current;
    if (spare === undefined) {
      current = Object.fromEntries(
        program.state.map(({ input, output }) => [input, defined(results[output], `output ${output}`)]),
      );
      disposeAll(previous);
    } else {
      current = spare;
      spare = previous;
    }
    return outputs;
  };

  const read = async (): Promise<Tensors> => {
    const there = Object.entries(current).filter(([, value]) => value.location !== 'cpu');
    const downloaded = there.length === 0 ? {} : await engine.download(Object.fromEntries(there));
    return Object.freeze(
      Object.fromEntries(
        Object.entries(current).map(([name, value]) => [name, downloaded[name] ?? copyOf(fromOrt(name, value))]),
      ),
    );
  };

  const write = (state: Tensors): Promise<void> => {
    const next = Object.fromEntries(
      Object.entries(state).map(([name, value]) => [name, ownTensor(engine, name, value)]),
    );
    disposeAll(current);
    current = next;
    return Promise.resolve();
  };

  return Object.freeze({
    step: async (feeds: Tensors): Promise<Tensors> => {
      checkTensors('input', feedSignatures, feeds, {
        names: stateInputs,
        why: 'this input is state, which the session keeps: change it with writeState',
      });
      const values = feedsToOrt(engine, feeds);
      return model.exclusively(() => advance(values));
    },
    readState: (): Promise<Tensors> => model.exclusively(read),
    writeState: async (state: Tensors): Promise<void> => {
      checkTensors('state tensor', signatures, state);
      return model.exclusively(() => write(state));
    },
    // The state goes first: freeing a GPU tensor after its session crashes the process (onnxruntime-node 1.30).
    [Symbol.asyncDispose]: (): Promise<void> =>
      model.release(() => {
        disposeAll(current);
        spare = undefined;
      }),
  });
}

function outputLocations(
  engine: Engine,
  program: StatefulProgram,
): Pick<InferenceSession.SessionOptions, 'preferredOutputLocation'> {
  if (engine.state !== 'on-gpu') return {};
  return { preferredOutputLocation: Object.fromEntries(program.state.map(({ output }) => [output, 'gpu-buffer'])) };
}

/** The signature of each state tensor, by input; throws if program and graph disagree. */
function checkProgram(program: StatefulProgram, model: LoadedModel): Signatures {
  for (const name of program.outputs) requireValue('output', model.outputs, name);
  return new Map(
    program.state.map(({ input, output, initial }) => {
      const received = { dtype: initial.dtype, shape: initial.shape };
      requireFit(`state input "${input}"`, requireValue('input', model.inputs, input), received);
      requireFit(`state output "${output}"`, requireValue('output', model.outputs, output), received);
      return [input, received];
    }),
  );
}

function requireValue(role: string, values: Signatures, name: string): Signature {
  const value = values.get(name);
  if (value === undefined)
    throw usageError(`the graph has no such ${role}`, { where: `${role} "${name}"`, legal: [...values.keys()] });
  return value;
}

function requireFit(where: string, declared: Signature, initial: Signature): void {
  if (declared.dtype === initial.dtype && fits(initial.shape, declared.shape) && isStatic(initial.shape)) return;
  throw usageError('the first value does not fit the graph', {
    where,
    expected: describe(declared),
    received: describe(initial),
  });
}

/** A runtime tensor with its own memory. */
function ownTensor(engine: Engine, name: string, value: HostTensor): Tensor {
  return toOrt(engine.ort.Tensor, name, copyOf(value));
}

function disposeAll(state: State): void {
  for (const value of Object.values(state)) value.dispose();
}
