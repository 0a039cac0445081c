import type { Command } from 'commander';
import { usageError } from '../../core/errors.ts';
import { openCorpus } from '../../data/text/corpus.ts';
import { pmiDefaults } from '../../embeddings/pmi.ts';
import { word2vecDefaults } from '../../embeddings/word2vec.ts';
import { embedText, type EmbedMethod, type EmbedResult } from '../../runs/embed.ts';
import {
  checkEmbeddingFiles,
  embeddingFiles,
  writeEmbeddingNpy,
  writeEmbeddingText,
  type EmbeddingFiles,
} from '../../runs/write-embedding.ts';
import { duration, percent, whole } from '../format.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter, type Reporter } from '../progress.ts';
import { addTextOptions, textOptionsOf, type TextFlags } from '../text-options.ts';

interface EmbedFlags extends TextFlags {
  readonly method: EmbedMethod['method'];
  readonly size: number;
  readonly window?: number;
  readonly epochs?: number;
  readonly negatives?: number;
  readonly lr?: number;
  readonly subsample?: number;
  readonly workers?: number;
  readonly shift?: number;
  readonly weighting?: number;
  readonly seed: number;
  readonly download?: true;
  readonly dataDir?: string;
  readonly out: string;
  readonly overwrite?: true;
  readonly json?: true;
  readonly quiet?: true;
}

const examples = `
Examples:
  $ fixhead embed sotu --method word2vec --out vectors.txt
  $ fixhead embed my-texts/ --method pmi --size 300 --out vectors.txt

Vectors are made of the training part of the text, one for each word of its vocabulary (of those with a word beside them more often
than by chance, for pmi). vectors.txt has word2vec's text form, vectors.npy the same numbers for NumPy, vectors.words.txt the words
of its rows. word2vec with one worker gives the same bits each time, with several it does not. The judgement is Spearman's correlation of
cosines with a small graded set of English pairs, and the share of a small set of English analogies that is solved.
--json prints {corpus: {name, tokens, vocabulary}, method, words, size, coverage, tokenCoverage, judgement, neighbours, seconds, files}.`;

/** `fixhead embed`: word vectors on their own. */
export function addEmbed(program: Command, context: CliContext): void {
  const w2v = word2vecDefaults;
  const command = program
    .command('embed')
    .summary('make word vectors of a text')
    .description('Makes vectors of the words of a text, by word2vec or from co-occurrence counts, and judges them.')
    .argument('<text...>', 'a named corpus (sotu, wikitext-2), a folder, or text files')
    .option('--method <name>', 'word2vec or pmi', parse.oneOf('--method', ['word2vec', 'pmi']), 'word2vec')
    .option('--size <n>', 'numbers in a vector', parse.whole('--size', 1), 256)
    .option(
      '--window <n>',
      `words on either side that count as near (default: word2vec ${w2v.window}, pmi ${pmiDefaults.window})`,
      parse.whole('--window', 1),
    )
    .option(
      '--epochs <n>',
      'word2vec: passes over the text (default: 5, more for a short text)',
      parse.whole('--epochs', 1),
    )
    .option(
      '--negatives <n>',
      `word2vec: noise words for a pair (default: ${w2v.negatives})`,
      parse.whole('--negatives', 1),
    )
    .option(
      '--lr <rate>',
      `word2vec: first learning rate (default: ${w2v.learningRate})`,
      parse.real('--lr', { above: 0 }),
    )
    .option(
      '--subsample <t>',
      `word2vec: share of the text above which a word is thinned out, 0 for none (default: ${w2v.subsample})`,
      parse.real('--subsample', { least: 0 }),
    )
    .option('--workers <n>', `word2vec: threads (default: ${w2v.workers})`, parse.whole('--workers', 1))
    .option(
      '--shift <k>',
      `pmi: ln k is subtracted (default: ${pmiDefaults.shift})`,
      parse.real('--shift', { least: 1 }),
    )
    .option(
      '--weighting <p>',
      `pmi: power of the singular values in the vectors, 0 to 1 (default: ${pmiDefaults.weighting})`,
      parse.real('--weighting', { least: 0 }),
    )
    .option('--seed <n>', 'seed of the vectors', parse.whole('--seed', 0), 0)
    .option('--download', 'fetch a named corpus that is not on this machine')
    .option('--data-dir <folder>', 'where named corpora are looked for first and fetched to')
    .requiredOption('--out <file>', 'where the vectors go')
    .option('--overwrite', 'replace files that are there')
    .option('--json', 'print one JSON document; everything else goes to stderr')
    .option('--quiet', 'no progress');
  addTextOptions(command)
    .addHelpText('after', examples)
    .action(async (inputs: string[], flags: EmbedFlags) => {
      await embed(inputs, flags, context);
    });
}

/** The options of one method only. */
const ownOptions = {
  word2vec: ['epochs', 'negatives', 'lr', 'subsample', 'workers'],
  pmi: ['shift', 'weighting'],
} as const;

function methodOf(flags: EmbedFlags, reporter: Reporter, signal: AbortSignal | undefined): EmbedMethod {
  const { method, size, seed, window, epochs, negatives, lr, subsample, workers, shift, weighting } = flags;
  const other = method === 'pmi' ? 'word2vec' : 'pmi';
  const foreign = ownOptions[other].find((name) => flags[name] !== undefined);
  if (foreign !== undefined) {
    throw usageError(`an option of ${other}`, {
      where: `--${foreign}`,
      hint: `leave it out, or use --method ${other}`,
    });
  }
  const common = {
    size,
    seed,
    ...(window === undefined ? {} : { window }),
    ...(signal === undefined ? {} : { signal }),
  };
  if (method === 'pmi') {
    return {
      method,
      ...common,
      ...(shift === undefined ? {} : { shift }),
      ...(weighting === undefined ? {} : { weighting }),
      onProgress: ({ stage, done, total }) => {
        reporter.count(stage === 'counts' ? 'counting words' : 'factorising', done, total);
      },
    };
  }
  return {
    method,
    ...common,
    ...(epochs === undefined ? {} : { epochs }),
    ...(negatives === undefined ? {} : { negatives }),
    ...(lr === undefined ? {} : { learningRate: lr }),
    ...(subsample === undefined ? {} : { subsample }),
    ...(workers === undefined ? {} : { workers }),
    onProgress: ({ done, total, loss, wordsPerSecond }) => {
      const left = duration((1000 * (total - done)) / wordsPerSecond);
      reporter.count(
        `word2vec · ${percent(done / total)} · loss ${loss.toFixed(3)} · ${whole(wordsPerSecond)} words/s · ${left} left`,
        done,
        total,
      );
    },
  };
}

async function embed(inputs: readonly string[], flags: EmbedFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  const files = embeddingFiles(flags.out);
  try {
    const choice = methodOf(flags, reporter, io.signal);
    await checkEmbeddingFiles(files, flags.overwrite === true);
    const corpus = await openCorpus(inputs, {
      ...textOptionsOf(flags),
      allowDownload: flags.download === true,
      ...(flags.dataDir === undefined ? {} : { cacheDirectory: flags.dataDir }),
      onProgress: reporter.data,
    });
    reporter.close();
    const tokens = corpus.splits.train.length;
    const vocabulary = corpus.vocabulary.words.length;
    output.print(`${corpus.name}: ${corpus.how}; ${whole(tokens)} tokens of training, ${whole(vocabulary)} words`);
    const result = await embedText(corpus, choice);
    reporter.close();
    io.signal?.throwIfAborted();
    await writeEmbeddingText(files.text, result.embedding);
    await writeEmbeddingNpy(files.npy, files.words, result.embedding);
    output.print(resultText(result, files));
    const { embedding, ...facts } = result;
    const { method, words, size } = embedding;
    output.document({
      corpus: { name: corpus.name, tokens, vocabulary },
      method,
      words: words.length,
      size,
      ...facts,
      files,
    });
  } finally {
    reporter.close();
  }
}

function resultText(
  { embedding, coverage, tokenCoverage, judgement, neighbours, seconds }: EmbedResult,
  files: EmbeddingFiles,
): string {
  const { similarity, analogies } = judgement;
  const skipped = (count: number): string => (count === 0 ? '' : `, ${count} skipped for words without a vector`);
  const pairs = similarity.spearman === null ? 'too few of the pairs' : similarity.spearman.toFixed(3);
  const solved = analogies.accuracy === null ? 'none to ask' : percent(analogies.accuracy);
  return [
    `${embedding.method}: ${whole(embedding.words.length)} words × ${embedding.size} in ${duration(1000 * seconds)}; ${percent(coverage)} of the vocabulary, ${percent(tokenCoverage)} of the text`,
    `Spearman’s correlation with graded pairs: ${pairs} (${similarity.used} pairs${skipped(similarity.skipped)})`,
    `Analogies solved: ${solved} (${analogies.used} questions${skipped(analogies.skipped)})`,
    ...neighbours.map(
      ({ word, nearest }) => `  ${word}: ${nearest.map((each) => `${each.word} ${each.cosine.toFixed(2)}`).join(', ')}`,
    ),
    `Vectors: ${files.text}, ${files.npy} (words: ${files.words})`,
  ].join('\n');
}
