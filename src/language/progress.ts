import { inputError } from '../core/errors.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import { numberAt } from '../train/progress.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../train/json.ts';

/** One pass over the training text, as it is stored and drawn. Losses are means of −log p(word), in nats. */
export interface LanguageEpoch {
  /** Counted from 1. */
  readonly epoch: number;
  /** Updates done at its end. */
  readonly step: number;
  /** With dropout, before each update. */
  readonly trainLoss: number;
  readonly validationLoss: number;
  /** Of its last step. */
  readonly learningRate: number;
  /** Its training steps, without validation. */
  readonly seconds: number;
}

/** Where a training stands between two steps, besides its tensors. */
export interface LanguageProgress {
  readonly step: number;
  readonly epoch: number;
  /** The next window of the epoch. */
  readonly batch: number;
  /** Sum over the epoch's windows so far. */
  readonly lossSum: number;
  /** Of the epoch's steps so far. */
  readonly milliseconds: number;
  /** Smallest validation loss of any epoch; Infinity (null in a file) before the first. */
  readonly bestLoss: number;
  readonly epochs: readonly LanguageEpoch[];
}

const start: LanguageProgress = {
  step: 0,
  epoch: 0,
  batch: 0,
  lossSum: 0,
  milliseconds: 0,
  bestLoss: Infinity,
  epochs: [],
};

/** What a checkpoint stores of the progress besides step, epoch and window. Numbers survive JSON exactly. */
export function languageState({ lossSum, milliseconds, bestLoss, epochs }: LanguageProgress): JsonObject {
  return {
    lossSum,
    milliseconds,
    bestLoss: Number.isFinite(bestLoss) ? bestLoss : null,
    epochs: epochs.map((record) => ({ ...record })),
  };
}

function epochRecord(value: JsonValue): LanguageEpoch {
  if (!isJsonObject(value)) throw inputError('the checkpoint has a broken epoch record');
  const at = (key: keyof LanguageEpoch): number => numberAt(value, key);
  return {
    epoch: at('epoch'),
    step: at('step'),
    trainLoss: at('trainLoss'),
    validationLoss: at('validationLoss'),
    learningRate: at('learningRate'),
    seconds: at('seconds'),
  };
}

/**
 * The progress that a checkpoint holds, or the start.
 *
 * @throws an input error naming what the checkpoint lacks.
 */
export function languageProgressFrom(checkpoint: Checkpoint | undefined): LanguageProgress {
  if (checkpoint === undefined) return start;
  const { step, epoch, batch, state } = checkpoint;
  const epochs = state['epochs'];
  if (!isJsonArray(epochs)) throw inputError('the checkpoint lacks a list', { where: 'state.epochs' });
  return {
    step,
    epoch,
    batch,
    lossSum: numberAt(state, 'lossSum'),
    milliseconds: numberAt(state, 'milliseconds'),
    bestLoss: state['bestLoss'] === null ? Infinity : numberAt(state, 'bestLoss'),
    epochs: epochs.map(epochRecord),
  };
}
