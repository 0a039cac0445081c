import type { ErrorFields } from '../core/errors.ts';
import type { GraphNode } from '../graph/graph.ts';

/** Where to look for a classifier, when the model does not make it obvious. */
export interface ClassifierChoice {
  /** One of the graph's outputs; needed where there are several. */
  readonly output?: string;
  /** The product that the head shall replace, together with all that follows it: the name of the node or of its weights. */
  readonly node?: string;
}

/** The last weighted product before a model's output: its classifier. */
export interface FoundClassifier {
  readonly node: GraphNode;
  readonly kind: 'Gemm' | 'MatMul' | 'Conv';
  /** The initializer that holds its weights. */
  readonly weight: string;
  /** The initializer that holds its bias, where it has one of its own or one is added behind it. */
  readonly bias: string | undefined;
  /** N: numbers that enter the classifier for each image. */
  readonly features: number;
  /** C: numbers that leave it. */
  readonly classes: number;
  /** Whether the weights of a class are a column of the stored matrix `[N, C]`; else a row of `[C, N]`. */
  readonly byColumns: boolean;
  /** What the weights are multiplied by: Gemm's alpha, else 1. */
  readonly weightFactor: number;
  /** What the bias is multiplied by: Gemm's beta, else 1. */
  readonly biasFactor: number;
  /** The graph's output that it leads to. */
  readonly output: string;
  /** The value that enters the product. */
  readonly input: string;
  /** The value that a head gives instead: what leaves the last of the `replaced` nodes. */
  readonly logits: string;
  /**
   * What a head takes the place of, in the graph's order: the product, the addition of its bias, a constant scale; where the product is
   * a convolution before global pooling, the pooling too.
   */
  readonly replaced: readonly GraphNode[];
  /** The global pooling behind a classifying convolution, and whether a ReLU stands between; `undefined` elsewhere. */
  readonly pooling: { readonly node: GraphNode; readonly relu: boolean } | undefined;
  /** What stays behind the head, from the logits to the output: Softmax, a change of shape. */
  readonly tail: readonly GraphNode[];
  /** What was found and how it was known, for people. */
  readonly how: string;
}

/** Why a model has no classifier that could be replaced. */
export interface NotFound {
  readonly summary: string;
  readonly fields: ErrorFields;
}
