import type { HeadComparison } from './comparison.ts';

/** A number that a paper prints beside the one that was computed here. */
export interface Counted {
  readonly ours: number;
  readonly published: number;
  /** The published number with the digits that the paper prints, a share in per cent. */
  readonly printed: string;
  /** Whether both are the same to the digits that the paper prints. */
  readonly matches: boolean;
}

/** What one head reached, and what the paper prints of it. Accuracies are fractions in [0, 1] of the validation images, top 1. */
export interface ReachedAccuracy {
  readonly head: string;
  /** Over the seeds; `null` where nothing was trained. */
  readonly ours: (HeadComparison['validationAccuracy'] & { readonly seeds: number }) | null;
  readonly published: number;
  /** The published accuracy in per cent, with the digits that the paper prints. */
  readonly printed: string;
}

/**
 * How far a row came: `finished`; `interrupted` and not all of it trained; `planned`, its data here but nothing trained;
 * `missing`, its data not here.
 */
export type RowState = 'finished' | 'interrupted' | 'planned' | 'missing';

/** One row of a published table, reproduced. */
export interface ReproducedRow {
  readonly id: string;
  readonly model: string;
  readonly dataset: string;
  /** Features N that the classifier sees, and classes C. */
  readonly features: number;
  readonly classes: number;
  readonly state: RowState;
  /** Numbers in the model with a learned classifier. */
  readonly parameters: Counted;
  /** N·C as a fraction of `parameters`; the published one may be rounded or cut off. */
  readonly share: Counted;
  /** What the optimiser updates with the fixed head. */
  readonly trainedWithFixedHead: number;
  readonly learned: ReachedAccuracy;
  readonly fixed: ReachedAccuracy;
  readonly recipe: string;
  readonly epochs: { readonly ours: number; readonly paper: number };
  /** Whether our accuracies, if there are any, come from as long a training on as much data as the paper's. */
  readonly comparable: boolean;
  readonly notes: readonly string[];
  /** Folder of the comparison with its runs and its report; `null` where nothing was trained. */
  readonly folder: string | null;
}

/** Data that some rows need and this machine does not have. */
export interface MissingData {
  readonly dataset: string;
  readonly rows: readonly string[];
  /** Where it was looked for. */
  readonly places: readonly string[];
  readonly howToGet: string;
}

/** A published table beside what was computed and trained here: what `fixhead reproduce --json` prints. */
export interface ReproductionDocument {
  /** Which table of which paper. */
  readonly source: string;
  /** How sure the published figures are. */
  readonly caveat: string;
  readonly rows: readonly ReproducedRow[];
  readonly missing: readonly MissingData[];
  /** What was written; `null` where nothing was trained. */
  readonly files: {
    readonly folder: string;
    readonly markdown: string;
    readonly page: string;
    readonly results: string;
  } | null;
}
