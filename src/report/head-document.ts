import type { Geometry, ProductCost } from '../heads/geometry.ts';
import type { ParameterCounts } from '../heads/model.ts';
import type { ScaleAdvice } from '../heads/scale-advice.ts';

/** What a classifier is and costs. Multiply-adds are for one image, bytes are those of the stored numbers. */
export interface ClassifierCost {
  /** A head's name, or for a foreign model the operator and name of its node. */
  readonly kind: string;
  readonly features: number;
  readonly classes: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Of all parameters, a fraction in [0, 1]. */
  readonly share: number;
  /** Products as the exported model computes them; normalisation, scale and bias are not counted. */
  readonly multiplyAdds: number;
  /** The same for a dense matrix of that size. */
  readonly dense: { readonly parameters: number; readonly bytes: number; readonly multiplyAdds: number };
}

/** The class vectors: what they promise, and what was found. */
export interface GeometryFacts {
  /** `weights`: the rows of a matrix that was trained, or is from a file. */
  readonly kind: Geometry['kind'] | 'weights';
  readonly construction: string;
  readonly features: number;
  readonly classes: number;
  /** How many of the features the vectors use. */
  readonly order: number;
  /** How many orthonormal bases the vectors come from; 0 where there are none. */
  readonly bases: number;
  /** How many class vectors are different. */
  readonly distinct: number;
  /** `all`: every vector was compared; `sample`: no two of a sample are equal, and the construction promises the rest. */
  readonly distinctBy: 'all' | 'sample';
  /** `null` where there is no limit. */
  readonly capacity: number | null;
  /** Largest |cos| of two class vectors that are not antipodal: as promised, or as measured where nothing is promised. */
  readonly coherence: number;
  /** The same as measured over the pairs of `vectors`; `null` where none was measured. */
  readonly measuredCoherence: number | null;
  /** √((C − N)/(N(C − 1))), the smallest coherence that C vectors of R^N can have; 0 for C ≤ N. */
  readonly welch: number;
  readonly antipodal: boolean;
  /** Whether every class vector is orthogonal to (1, …, 1). */
  readonly balanced: boolean;
  readonly multiplyAdds: number;
  readonly constantBytes: number;
  readonly fixedParameters: number;
}

/** What was measured on the class vectors themselves. */
export interface VectorFacts {
  /** How many vectors were compared, all with all. */
  readonly examined: number;
  readonly pairs: number;
  /** Whether these are all vectors. */
  readonly exhaustive: boolean;
  readonly coherence: number;
  /** The classes of the pair with the largest |cos|. */
  readonly closest: readonly [number, number] | null;
  readonly mean: number;
  readonly meanAbsolute: number;
  readonly rootMeanSquare: number;
  readonly identicalPairs: number;
  readonly antipodalPairs: number;
  /** Largest |cos| of two vectors of one basis, and of two bases. */
  readonly withinBasis: { readonly pairs: number; readonly largest: number } | null;
  readonly betweenBases: { readonly pairs: number; readonly largest: number } | null;
  /** C²/Σ cos²: N where the vectors fill all directions evenly, C where they are orthogonal. */
  readonly effectiveDimension: number;
  readonly norms: { readonly smallest: number; readonly largest: number; readonly mean: number };
  /** Whether all entries that are not 0 are ± one number. */
  readonly signs: boolean;
  /** Cosines with (1, …, 1)/√N. */
  readonly constant: {
    readonly classZero: number;
    readonly meanAbsolute: number;
    readonly largest: number;
    /** The class whose |cosine| is the largest. */
    readonly largestClass: number;
  };
  /** The first pairs of classes whose vectors are equal, and d where classes i and i + d always are. */
  readonly repeated: { readonly pairs: readonly (readonly [number, number])[]; readonly period: number | null };
  /** Every cosine that occurs with its share of the pairs, where they are few; else `null`. */
  readonly values: readonly { readonly cosine: number; readonly share: number }[] | null;
  /** Cosines of pairs in equal bins from `from` to `to`. */
  readonly histogram: { readonly from: number; readonly to: number; readonly counts: readonly number[] };
}

/** Bytes that training holds for a classifier: its numbers, their gradients, and one momentum each. */
export interface TrainingBytes {
  readonly parameters: number;
  readonly weights: number;
  readonly gradients: number;
  readonly momentum: number;
  readonly constants: number;
}

/** Median milliseconds of one call of the classifier alone; `null` where it was not timed. */
export interface TimedBatch {
  readonly batch: number;
  readonly head: number | null;
  readonly dense: number | null;
}

/** How long the classifier takes on this machine. */
export interface TimingFacts {
  /** The runtime, in words. */
  readonly device: string;
  readonly batches: readonly TimedBatch[];
  /** What was not timed, and why. */
  readonly skipped: readonly string[];
}

/** Features of one split's images. */
export interface FeatureFacts {
  readonly split: 'train' | 'validation';
  readonly images: number;
  readonly of: number;
  readonly normMean: number;
  readonly normDeviation: number;
  /** `null` where the images have no class of the head's (validation images of a run that tells training images apart). */
  readonly collapse: CollapseFacts | null;
}

/** How far the features of each class have collapsed onto one direction, and onto the class vector. */
export interface CollapseFacts {
  /** Classes with at least one image. */
  readonly classes: number;
  /** Within-class variance over between-class variance of the normalised features: tr Σ_W / tr Σ_B. */
  readonly variabilityRatio: number | null;
  /** Cosines of class means with class vectors. */
  readonly cosineMean: number;
  readonly cosineSmallest: number;
  /** The same of class means from which the mean of all classes was subtracted. */
  readonly centredCosineMean: number;
  /** The classes whose mean lies farthest from its vector, worst first. */
  readonly worst: readonly { readonly class: number; readonly name: string; readonly cosine: number }[];
}

/** An assignment of classes to class vectors: the mean cosine of centred class means with their vectors before and after it. */
export interface AssignmentFacts {
  /** Epochs finished before it. */
  readonly epoch: number;
  readonly before: number;
  readonly after: number;
}

/** What a run's training did to its head. */
export interface TrainingFacts {
  readonly run: string;
  readonly step: number | null;
  /** α over the recorded steps; empty for a head that learns none. */
  readonly scale: readonly { readonly step: number; readonly value: number }[];
  readonly features: readonly FeatureFacts[];
  readonly assignments: readonly AssignmentFacts[];
}

/** One node of a model; see the command's layer table. */
export interface LayerFacts {
  readonly name: string;
  readonly operator: string;
  readonly shape: readonly (number | string)[] | null;
  readonly parameters: number;
  readonly multiplyAdds: number | null;
}

/** What `fixhead inspect --json` prints, whatever was inspected; a key that does not apply is `null` or empty. */
export interface HeadDocument {
  /** A backbone's name or a file; `null` where only a head was named. */
  readonly model: string | null;
  readonly head: string | null;
  /** Of the features that the head is made for. */
  readonly sign: 'signed' | 'non-negative' | null;
  readonly image: { readonly channels: number; readonly height: number; readonly width: number } | null;
  readonly geometry: GeometryFacts | null;
  /** One product of one feature vector with all class vectors. */
  readonly cost: ProductCost | null;
  /** Of the whole model; of the head where only a head was named. */
  readonly parameters: ParameterCounts;
  readonly memory: { readonly head: TrainingBytes; readonly learned: TrainingBytes } | null;
  readonly vectors: VectorFacts | null;
  readonly scale: ScaleAdvice | null;
  readonly timing: TimingFacts | null;
  readonly training: TrainingFacts | null;
  /** Of convolutions and matrix products for one image; nodes of unknown shape are missing from it. */
  readonly multiplyAdds: number;
  /** Products whose shape the file does not tell. */
  readonly unknownNodes: number;
  /** `null` where no classifier was found; `notes` say why. */
  readonly classifier: ClassifierCost | null;
  readonly layers: readonly LayerFacts[];
  readonly notes: readonly string[];
}
