import type { AssignmentRecord } from './assign-classes.ts';
import type { Judgement } from './judge.ts';

/** One pass over the training images, as it is stored and drawn. */
export interface EpochRecord {
  /** Counted from 1. */
  readonly epoch: number;
  /** Updates done at its end. */
  readonly step: number;
  /** Means over the epoch's training batches, as they were seen (augmented, before each update). */
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  /** `null` where the task is to tell training images apart: validation images then have no class. */
  readonly validationLoss: number | null;
  /** Share of right answers on the validation images: the classifier's, or those of the nearest neighbours. */
  readonly validationAccuracy: number;
  readonly learningRate: number;
}

/** How fast image files are decoded beside training. */
export interface DecodingRate {
  /** Images that the workers decode in a second while they work. */
  readonly imagesPerSecond: number;
  /** Share of this epoch's time for which training waited for a batch, in [0, 1]. */
  readonly waiting: number;
}

/** What a training run tells while it goes on. */
export type TrainEvent =
  | {
      readonly kind: 'start';
      readonly step: number;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      readonly lowering: string;
    }
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly totalSteps: number;
      /** Counted from 1. */
      readonly epoch: number;
      readonly loss: number;
      /** Mean over the epoch so far. */
      readonly accuracy: number;
      readonly imagesPerSecond: number;
      readonly learningRate: number;
      /** α where the head learns it. */
      readonly scale: number | undefined;
      /** In mixed precision: steps so far that changed nothing because gradients were not finite. */
      readonly skipped?: number;
      /** How images keep up, where files are decoded as training goes on. */
      readonly decoding?: DecodingRate;
    }
  /** Image files that turned out to be unreadable since the last such event; others took their places. */
  | { readonly kind: 'unreadable'; readonly files: readonly string[] }
  | { readonly kind: 'evaluating'; readonly done: number; readonly count: number }
  | { readonly kind: 'epoch'; readonly record: EpochRecord; readonly evaluation: Judgement }
  | {
      readonly kind: 'assigning';
      /** Features of the training images are taken, class means compared with all vectors, classes placed. */
      readonly stage: 'features' | 'comparing' | 'matching';
      readonly done: number;
      readonly count: number;
    }
  | { readonly kind: 'assigned'; readonly record: AssignmentRecord }
  | { readonly kind: 'saved'; readonly step: number; readonly reason: 'best' | 'last' };

/** Receives the events of a training run; it is called between steps and should return soon. */
export type OnTrainEvent = (event: TrainEvent) => void;
