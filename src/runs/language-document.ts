import type { TextCorpus } from '../data/text/corpus.ts';
import type { SplitName } from '../data/text/layout.ts';
import type {
  LanguageComparisonDocument,
  LanguageHistory,
  LanguageReportFacts,
  LanguageReportInput,
  LanguageRunReport,
  LanguageVariant,
} from '../report/language-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { readMetrics } from '../train/metrics.ts';
import { runPaths } from '../train/run-folder.ts';
import type { LanguageComparison } from './language-compare.ts';
import { usualLogits, type LanguageConfig } from './language-config.ts';
import type { LanguageRun } from './language-run.ts';
import { unigramBias } from './language-tables.ts';

type Provenance = LanguageReportFacts['provenance'];

/** The perplexity of a part of the text by the frequencies of the words in the training text alone. */
export function unigramPerplexity(
  { vocabulary, splits }: Pick<TextCorpus, 'vocabulary' | 'splits'>,
  split: SplitName,
): number {
  const logs = unigramBias(vocabulary);
  const ids = splits[split];
  let sum = 0;
  for (const id of ids) sum -= logs[id] ?? NaN;
  return Math.exp(sum / ids.length);
}

/** A finished run as a row of the document. */
function variantOf({ config, parameters, scores }: LanguageRun): LanguageVariant {
  const { embedding, fixed, tied, logits } = config.choice;
  return {
    embedding,
    fixed,
    tied,
    ...(logits === usualLogits(config.choice) ? {} : { logits }),
    validationPerplexity: scores?.validationPerplexity ?? NaN,
    testPerplexity: scores?.testPerplexity ?? NaN,
    parameters: { total: parameters.total, trainable: parameters.trainable },
    secondsPerEpoch: scores?.secondsPerEpoch ?? NaN,
  };
}

/** How a run's training went, by its epochs and its metrics. */
async function historyOf({ folder, result, scores }: LanguageRun): Promise<LanguageHistory> {
  const records = await readMetrics(runPaths(folder).metrics);
  return {
    tokensPerSecond: scores?.tokensPerSecond ?? result.tokensPerSecond,
    epochs: result.epochs.map(({ epoch, trainLoss, validationLoss }) => ({
      epoch,
      trainPerplexity: Math.exp(trainLoss),
      validationPerplexity: Math.exp(validationLoss),
    })),
    steps: records.flatMap(({ kind, step, loss }) =>
      kind === 'step' && typeof loss === 'number' ? [{ step, loss }] : [],
    ),
  };
}

const share = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

function provenanceOf(
  corpus: TextCorpus,
  { sizes, recipe, seed }: LanguageConfig,
  runtime: Pick<Runtime, 'description'>,
): Provenance {
  const { splits, unknownShare, vocabulary } = corpus;
  const { optimizer, schedule } = recipe;
  const rates = [
    `${recipe.learningRate}, ${schedule.kind} schedule`,
    ...(schedule.warmupEpochs > 0 ? [`warm-up ${schedule.warmupEpochs} epochs`] : []),
  ];
  const hidden = sizes.layers > 1 ? `, ${sizes.hidden} numbers of state in the others` : '';
  return [
    ['Text', `${corpus.name}: ${corpus.how}`],
    [
      'Tokens',
      (['train', 'validation', 'test'] as const)
        .map((split) => `${split} ${splits[split].length} (${share(unknownShare[split])} <unk>)`)
        .join(', '),
    ],
    ['Vocabulary', `${vocabulary.words.length} words of the training text`],
    [
      'Model',
      `LSTM, ${sizes.layers} ${sizes.layers === 1 ? 'layer' : 'layers'}, word vectors and last layer of ${sizes.size} numbers${hidden}, dropout ${sizes.dropout}, ${sizes.bias === 'unigram' ? 'first bias by the words’ frequencies' : 'first bias zero'}`,
    ],
    [
      'Training',
      `${recipe.epochs} epochs, ${recipe.batch} places of the text side by side in windows of ${recipe.window} words, ${optimizer.kind}, weight decay ${optimizer.weightDecay}, ${recipe.clipNorm === null ? 'gradients not clipped' : `gradients clipped to a norm of ${recipe.clipNorm}`}`,
    ],
    ['Learning rate', rates.join(', ')],
    ['Seed', String(seed)],
    ['Device', runtime.description],
  ];
}

function factsOf(
  corpus: TextCorpus,
  config: LanguageConfig | undefined,
  runtime: Pick<Runtime, 'description'>,
  more: Provenance,
): LanguageReportFacts {
  return {
    corpus: corpus.name,
    unigram: {
      validationPerplexity: unigramPerplexity(corpus, 'validation'),
      testPerplexity: unigramPerplexity(corpus, 'test'),
    },
    provenance: [...(config === undefined ? [] : provenanceOf(corpus, config, runtime)), ...more],
  };
}

/** What a comparison found, as `lm compare --json` prints it. Choices without a finished run are missing. */
export function languageDocument({ corpus, runs, folder }: LanguageComparison): LanguageComparisonDocument {
  return {
    corpus: { tokens: corpus.splits.train.length, vocabulary: corpus.vocabulary.words.length },
    variants: runs.map(variantOf),
    report: runPaths(folder).report,
  };
}

/**
 * Everything that the report of a comparison shows.
 *
 * @param provenance extra lines: the command, the date
 * @throws an input error naming metrics that cannot be read.
 */
export async function languageReportOf(
  comparison: LanguageComparison,
  runtime: Pick<Runtime, 'description'>,
  provenance: Provenance = [],
): Promise<LanguageReportInput> {
  const { corpus, runs } = comparison;
  return {
    document: languageDocument(comparison),
    histories: await Promise.all(runs.map(historyOf)),
    ...factsOf(corpus, runs[0]?.config, runtime, provenance),
  };
}

/**
 * Everything that the report of a single run shows.
 *
 * @param samples text that the model wrote
 * @param provenance extra lines: the command, the date
 * @throws an input error naming metrics that cannot be read.
 */
export async function languageRunReportOf(
  run: LanguageRun,
  runtime: Pick<Runtime, 'description'>,
  samples: readonly string[] = [],
  provenance: Provenance = [],
): Promise<LanguageRunReport> {
  const { corpus, config } = run;
  return {
    tokens: corpus.splits.train.length,
    vocabulary: corpus.vocabulary.words.length,
    variant: variantOf(run),
    history: await historyOf(run),
    samples,
    ...factsOf(corpus, config, runtime, provenance),
  };
}
