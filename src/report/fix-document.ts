import type { EpochRecord } from '../train/events.ts';

/** What a model does and costs, before or after its classifier was replaced. */
export interface FixMeasure {
  /** Share of right answers on the validation images; `null` where it was not measured (classes of its own, a dry run). */
  readonly accuracy: number | null;
  readonly top5: number | null;
  /** Mean cross-entropy in nats. */
  readonly loss: number | null;
  /** Size of the file, data outside it included. */
  readonly bytes: number;
  /** Numbers in weight positions, a fixed matrix that is stored included. */
  readonly parameters: number;
  /** Those of the classifier. */
  readonly classifierParameters: number;
  /** Median time of one image in ONNX Runtime; `null` where it was not measured. */
  readonly milliseconds: number | null;
}

/** The classifier that was found in the original model. */
export interface FixedClassifier {
  /** Name of its node. */
  readonly node: string;
  readonly features: number;
  readonly classes: number;
  readonly parameters: number;
  /** Its share of the model's parameters, in [0, 1]. */
  readonly share: number;
  /** What it is and how it was known for a classifier. */
  readonly how: string;
}

/** Answers for the validation images of one class. */
export interface ClassChange {
  readonly label: string;
  readonly count: number;
  /** Share of right answers; `null` where the original did not know the class. */
  readonly before: number | null;
  readonly after: number;
}

/** Everything that the page about a replaced classifier shows: what `report.html` of such a run is made from. */
export interface FixDocument {
  /** The original file. */
  readonly model: string;
  readonly data: string;
  readonly classifier: FixedClassifier;
  readonly head: string;
  /** What was trained, in words. */
  readonly trained: string;
  readonly before: FixMeasure;
  readonly after: FixMeasure;
  readonly classes: readonly ClassChange[];
  readonly epochs: readonly Pick<
    EpochRecord,
    'epoch' | 'trainLoss' | 'trainAccuracy' | 'validationLoss' | 'validationAccuracy'
  >[];
  /** What a reader should know about how it was done. */
  readonly notes: readonly string[];
  readonly provenance: readonly (readonly [label: string, value: string])[];
}
