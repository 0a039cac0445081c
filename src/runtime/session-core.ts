import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { usageError } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import { runtimeFailure } from './failures.ts';
import { serialQueue } from './queue.ts';
import type { Session, SessionPurpose, Tensors } from './runtime.ts';
import { checkTensors, fromOrt, signaturesOf, toOrt, type Signatures } from './tensors.ts';

type OrtTensors = Readonly<Record<string, Tensor>>;

/**
 * A loaded model: ONNX Runtime's session with its calls in order, its failures translated, its release idempotent.
 */
export interface LoadedModel {
  readonly inputs: Signatures;
  readonly outputs: Signatures;
  /** Runs `task` when earlier tasks are done; rejects once the model is released. */
  readonly exclusively: <T>(task: () => Promise<T>) => Promise<T>;
  /** One run. Only to be called inside `exclusively`. `null` fetches an output into fresh memory. */
  readonly run: (feeds: OrtTensors, fetches: Readonly<Record<string, Tensor | null>>) => Promise<OrtTensors>;
  /** Frees the model when earlier calls are done; `before` runs just before. A second call waits for the first. */
  readonly release: (before?: () => void) => Promise<void>;
}

/** Loads a model; throws an input error for bytes that ONNX Runtime rejects. */
export async function loadModel(
  engine: Engine,
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<LoadedModel> {
  const where = `model on ${engine.name}`;
  const session = await create(engine, bytes, options, where);
  const { inputs, outputs } = await describeOrRelease(session);
  const enqueue = serialQueue();
  let released: Promise<void> | undefined;
  return Object.freeze({
    inputs,
    outputs,
    exclusively: async <T>(task: () => Promise<T>): Promise<T> => {
      // Checked at the call, not in the queue: a release waits for the calls before it and none after.
      if (released !== undefined) throw usageError('the session was released and cannot be used any more', { where });
      return enqueue(task);
    },
    run: async (feeds: OrtTensors, fetches: Readonly<Record<string, Tensor | null>>): Promise<OrtTensors> => {
      try {
        return await session.run(feeds, fetches);
      } catch (failure) {
        throw runtimeFailure('the model failed to run', where, failure);
      }
    },
    release: (before?: () => void): Promise<void> =>
      (released ??= enqueue(async () => {
        before?.();
        await session.release();
      })),
  });
}

async function create(
  engine: Engine,
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
  where: string,
): Promise<InferenceSession> {
  try {
    return await engine.ort.InferenceSession.create(bytes, options);
  } catch (failure) {
    throw runtimeFailure('the model could not be loaded', where, failure);
  }
}

async function describeOrRelease(session: InferenceSession): Promise<Pick<LoadedModel, 'inputs' | 'outputs'>> {
  try {
    return { inputs: signaturesOf(session.inputMetadata), outputs: signaturesOf(session.outputMetadata) };
  } catch (problem) {
    await session.release();
    throw problem;
  }
}

/** A session that runs a graph from given inputs to all its outputs. */
export async function createSession(engine: Engine, bytes: Uint8Array, purpose: SessionPurpose): Promise<Session> {
  const model = await loadModel(engine, bytes, engine.sessionOptions(purpose));
  const fetches = Object.fromEntries([...model.outputs.keys()].map((name) => [name, null]));
  return Object.freeze({
    inputNames: Object.freeze([...model.inputs.keys()]),
    outputNames: Object.freeze([...model.outputs.keys()]),
    run: async (feeds: Tensors): Promise<Tensors> => {
      checkTensors('input', model.inputs, feeds);
      const values = feedsToOrt(engine, feeds);
      return model.exclusively(async () => tensorsFromOrt(await model.run(values, fetches)));
    },
    [Symbol.asyncDispose]: () => model.release(),
  });
}

export function feedsToOrt(engine: Engine, feeds: Tensors): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [name, toOrt(engine.ort.Tensor, name, value)]),
  );
}

export function tensorsFromOrt(values: OrtTensors): Tensors {
  return Object.freeze(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fromOrt(name, value)])));
}
