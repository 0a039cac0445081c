import { inputError } from '../core/errors.ts';
import type { AssignmentRecord } from './assign-classes.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { EpochRecord } from './events.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './json.ts';

/** Where a run stands between two steps, besides its tensors. */
export interface Progress {
  readonly step: number;
  readonly epoch: number;
  /** The next batch of the epoch. */
  readonly batch: number;
  /** Sums over the epoch's batches so far. */
  readonly lossSum: number;
  readonly correctSum: number;
  /** Best validation accuracy of any epoch; −1 before the first. */
  readonly bestAccuracy: number;
  readonly epochs: readonly EpochRecord[];
  readonly scale: readonly { readonly step: number; readonly value: number }[];
  readonly assignments: readonly AssignmentRecord[];
}

const start: Progress = {
  step: 0,
  epoch: 0,
  batch: 0,
  lossSum: 0,
  correctSum: 0,
  bestAccuracy: -1,
  epochs: [],
  scale: [],
  assignments: [],
};

/** What a checkpoint stores of the progress besides step, epoch and batch. Numbers survive JSON exactly. */
export function progressState(progress: Progress): JsonObject {
  const { lossSum, correctSum, bestAccuracy, epochs, scale, assignments } = progress;
  return {
    lossSum,
    correctSum,
    bestAccuracy,
    epochs: epochs.map((record) => ({ ...record })),
    scale: scale.map(({ step, value }) => [step, value]),
    assignments: assignments.map((record) => ({ ...record })),
  };
}

/** A number of what a checkpoint stores. @throws an input error where it is missing. */
export function numberAt(object: JsonObject, key: string): number {
  const value = object[key];
  if (typeof value === 'number') return value;
  throw inputError('the checkpoint lacks a number', { where: `state.${key}`, received: typeof value });
}

function listAt(object: JsonObject, key: string): readonly JsonValue[] {
  const value = object[key];
  if (isJsonArray(value)) return value;
  throw inputError('the checkpoint lacks a list', { where: `state.${key}`, received: typeof value });
}

function epochRecord(value: JsonValue): EpochRecord {
  if (!isJsonObject(value)) throw inputError('the checkpoint has a broken epoch record');
  const at = (key: keyof EpochRecord): number => numberAt(value, key);
  return {
    epoch: at('epoch'),
    step: at('step'),
    trainLoss: at('trainLoss'),
    trainAccuracy: at('trainAccuracy'),
    validationLoss: value['validationLoss'] === null ? null : at('validationLoss'),
    validationAccuracy: at('validationAccuracy'),
    learningRate: at('learningRate'),
  };
}

function scalePoint(value: JsonValue): Progress['scale'][number] {
  if (isJsonArray(value)) {
    const [step, scale] = value;
    if (typeof step === 'number' && typeof scale === 'number') return { step, value: scale };
  }
  throw inputError('the checkpoint has a broken record of the scale');
}

function assignmentRecord(value: JsonValue): AssignmentRecord {
  if (!isJsonObject(value)) throw inputError('the checkpoint has a broken record of an assignment');
  const at = (key: keyof AssignmentRecord): number => numberAt(value, key);
  return { epoch: at('epoch'), before: at('before'), after: at('after'), gap: at('gap'), slots: at('slots') };
}

/** The progress that a checkpoint holds, or the start. */
export function progressFrom(checkpoint: Checkpoint | undefined): Progress {
  if (checkpoint === undefined) return start;
  const { step, epoch, batch, state } = checkpoint;
  return {
    step,
    epoch,
    batch,
    lossSum: numberAt(state, 'lossSum'),
    correctSum: numberAt(state, 'correctSum'),
    bestAccuracy: numberAt(state, 'bestAccuracy'),
    epochs: listAt(state, 'epochs').map(epochRecord),
    scale: listAt(state, 'scale').map(scalePoint),
    // Checkpoints of version 0.1 have none.
    assignments: 'assignments' in state ? listAt(state, 'assignments').map(assignmentRecord) : [],
  };
}
