/** What a comparison found about a language model with one choice of word vectors. */
export interface LanguageVariant {
  /** Where the word vectors come from: `learned`, `orthonormal`, `hadamard`, `word2vec`, `pmi`, `file`. */
  readonly embedding: string;
  /** Training left them as they were. */
  readonly fixed: boolean;
  /** Words are predicted with the vectors that they enter with. */
  readonly tied: boolean;
  /** Only where it is not the usual form: `cosine` for fixed word vectors, `dot` for the others. */
  readonly logits?: 'dot' | 'cosine';
  /** After the last epoch. */
  readonly validationPerplexity: number;
  readonly testPerplexity: number;
  readonly parameters: {
    /** Everything the model holds, fixed tables included; vectors that are computed and not stored are not. */
    readonly total: number;
    /** What the optimiser updates. */
    readonly trainable: number;
  };
  /** Training steps alone, the mean over the epochs. */
  readonly secondsPerEpoch: number;
}

/** What a comparison of language models found: the document that `lm compare --json` prints. */
export interface LanguageComparisonDocument {
  readonly corpus: {
    /** Of the training text, `<eos>` included. */
    readonly tokens: number;
    /** Words, `<unk>` and `<eos>` among them. */
    readonly vocabulary: number;
  };
  readonly variants: readonly LanguageVariant[];
  /** Path of the HTML report. */
  readonly report: string;
}

/** How the training of one variant went. */
export interface LanguageHistory {
  /** Median over the steps. */
  readonly tokensPerSecond: number;
  readonly epochs: readonly {
    readonly epoch: number;
    /** exp of the mean loss of the epoch's steps: with dropout, before each update. */
    readonly trainPerplexity: number;
    readonly validationPerplexity: number;
  }[];
  /** Mean of −log p(word) of single steps, in nats; thinned to some hundred points. */
  readonly steps: readonly { readonly step: number; readonly loss: number }[];
}

/** What the report shows around the variants, for one model as for several. */
export interface LanguageReportFacts {
  /** Name of the text. */
  readonly corpus: string;
  /** What a model reaches that knows only how common words are in the training text. */
  readonly unigram: { readonly validationPerplexity: number; readonly testPerplexity: number };
  /** Lines for the "how this was made" part: text, model, recipe, device, command, date. */
  readonly provenance: readonly (readonly [label: string, value: string])[];
}

/** Everything that the report of a comparison of language models shows. */
export interface LanguageReportInput extends LanguageReportFacts {
  readonly document: LanguageComparisonDocument;
  /** One for each variant of the document, in the same order. */
  readonly histories: readonly LanguageHistory[];
}

/** Everything that the report of a single language model shows. */
export interface LanguageRunReport extends LanguageReportFacts {
  readonly tokens: number;
  readonly vocabulary: number;
  readonly variant: LanguageVariant;
  readonly history: LanguageHistory;
  /** Text that the model wrote; none if nothing was sampled. */
  readonly samples: readonly string[];
}

/** A variant with its training and its place in the legend. */
export interface ShownVariant {
  readonly variant: LanguageVariant;
  readonly history: LanguageHistory;
  /** The word vectors, without whether they are tied: `word2vec, fixed`. */
  readonly vectors: string;
  /** The whole name: `word2vec, fixed, tied`. */
  readonly name: string;
  /** Variants with the same word vectors have the same colour and dash, tied or not. */
  readonly index: number;
}

const emptyHistory: LanguageHistory = Object.freeze({ tokensPerSecond: Number.NaN, epochs: [], steps: [] });

/** The word vectors of a variant in words. */
export function vectorsName({ embedding, fixed, logits }: LanguageVariant): string {
  return [embedding, ...(fixed ? ['fixed'] : []), ...(logits === undefined ? [] : [logits])].join(', ');
}

/** A variant in words. */
export function variantName(variant: LanguageVariant): string {
  return `${vectorsName(variant)}, ${variant.tied ? 'tied' : 'untied'}`;
}

/** The variants of a report, each with its history, name and colour. */
export function shownVariants({ document, histories }: LanguageReportInput): readonly ShownVariant[] {
  const names = [...new Set(document.variants.map(vectorsName))];
  return document.variants.map((variant, place) => {
    const vectors = vectorsName(variant);
    return {
      variant,
      history: histories[place] ?? emptyHistory,
      vectors,
      name: variantName(variant),
      index: names.indexOf(vectors),
    };
  });
}

/** The variant with the lowest validation perplexity, the first of equals; `undefined` where none has a finite one. */
export function bestVariant(shown: readonly ShownVariant[]): ShownVariant | undefined {
  return shown
    .filter(({ variant }) => Number.isFinite(variant.validationPerplexity))
    .reduce<ShownVariant | undefined>(
      (best, one) =>
        best === undefined || one.variant.validationPerplexity < best.variant.validationPerplexity ? one : best,
      undefined,
    );
}
