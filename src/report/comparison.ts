import type { ConfusionCell } from '../train/answers.ts';
import type { NeighbourScore } from '../train/knn.ts';

/**
 * The result of `compare` as data. The first part is the machine-readable contract (`--json`); the report and the
 * table are drawn from it and from the history of each run.
 */
export interface HeadParameters {
  /** Everything the model holds, fixed matrices included, running statistics excluded. */
  readonly total: number;
  /** What the optimiser updates. */
  readonly trainable: number;
  /** Everything the classifier holds, fixed matrices included. */
  readonly classifier: number;
  readonly classifierTrainable: number;
}

/** What a comparison found about one head. */
export interface HeadComparison {
  readonly head: string;
  readonly seeds: readonly {
    readonly seed: number;
    readonly validationAccuracy: number;
    readonly trainAccuracy: number;
  }[];
  /** Over seeds; accuracies are fractions in [0, 1]; `sd` is the sample standard deviation, 0 for one seed. */
  readonly validationAccuracy: { readonly mean: number; readonly sd: number };
  readonly parameters: HeadParameters;
  readonly exportedBytes: number;
  /** Median milliseconds of one training step. */
  readonly stepMilliseconds: number;
  /** Microseconds of the exported classifier alone for one image, batch 1. */
  readonly classifierMicroseconds: number;
}

/** How features were judged, where the heads learned to tell training images apart and not the classes of the data. */
export interface NeighbourFacts {
  /** k, how many neighbours voted. */
  readonly k: number;
  /** τ of the vote's weights exp(cos/τ). */
  readonly temperature: number;
  /** What the pixels themselves reach as features. */
  readonly pixels: NeighbourScore;
  /** What the features of the network reach before its first step: the mean over the seeds. */
  readonly untrained: NeighbourScore;
}

/** What a comparison found: the document that `compare --json` prints. */
export interface ComparisonDocument {
  readonly dataset: {
    readonly name: string;
    readonly classes: number;
    readonly train: number;
    readonly validation: number;
  };
  readonly model: string;
  /** Only where every training image was a class of its own; accuracies on validation images are then those of neighbours. */
  readonly neighbours?: NeighbourFacts;
  readonly heads: readonly HeadComparison[];
  /** Path of the HTML report. */
  readonly report: string;
}

/** What the report draws beyond the document: one entry per head and seed. */
export interface RunHistory {
  readonly head: string;
  readonly seed: number;
  readonly epochs: readonly {
    readonly epoch: number;
    readonly trainLoss: number;
    readonly trainAccuracy: number;
    /** `null` where validation images have no class to be right about. */
    readonly validationLoss: number | null;
    readonly validationAccuracy: number;
    readonly learningRate: number;
  }[];
  /** The scale α over training steps, thinned to at most some hundred points; empty for a head without a learned scale. */
  readonly scale: readonly { readonly step: number; readonly value: number }[];
  /** How often images of a class got an answer, on the validation set; pairs that do not occur are left out. */
  readonly confusion: readonly ConfusionCell[];
  /** The validation images that the model got most confidently wrong, worst first. */
  readonly mistakes: readonly Mistake[];
}

/** A validation image that was classified wrongly. */
export interface Mistake {
  /** `[channels, height, width]`, 0 … 255, planar. */
  readonly pixels: Uint8Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly label: number;
  readonly predicted: number;
  /** Softmax probability that the model gave its wrong answer. */
  readonly probability: number;
  readonly source?: string;
}

/** Everything that a report shows. */
export interface ReportInput {
  readonly document: ComparisonDocument;
  readonly classes: readonly string[];
  readonly histories: readonly RunHistory[];
  /** Lines for the "how this was made" part: command, machine, device, recipe, dataset notes, date. */
  readonly provenance: readonly (readonly [label: string, value: string])[];
}
