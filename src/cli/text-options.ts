import type { Command } from 'commander';
import { defaultMinCount, type CorpusOptions } from '../data/text/corpus.ts';
import * as parse from './parse.ts';

/** How text is read; `undefined` where nothing was given. */
export interface TextFlags {
  readonly minCount?: number;
  readonly maxWords?: number;
  readonly lowercase?: true;
  readonly dataSeed?: number;
  readonly validationFraction?: number;
  readonly testFraction?: number;
}

export function addTextOptions(command: Command): Command {
  const share = { above: 0, below: 1 };
  return command
    .option(
      '--min-count <n>',
      `words that are rarer in the training text become <unk> (default: ${defaultMinCount}; 1 for text that holds <unk>)`,
      parse.whole('--min-count', 1),
    )
    .option('--max-words <n>', 'most words of the vocabulary (default: no limit)', parse.whole('--max-words', 4))
    .option('--lowercase', 'make capital letters small')
    .option(
      '--validation-fraction <x>',
      'share of a text that does not come divided (default: 0.1)',
      parse.real('--validation-fraction', share),
    )
    .option('--test-fraction <x>', 'the same for the test (default: 0.1)', parse.real('--test-fraction', share))
    .option('--data-seed <n>', 'seed of that division (default: 0)', parse.whole('--data-seed', 0));
}

/** What opening a corpus needs of these. */
export function textOptionsOf(flags: TextFlags): CorpusOptions {
  const { minCount, maxWords, lowercase, dataSeed = 0, validationFraction, testFraction } = flags;
  return {
    seed: dataSeed,
    ...(minCount === undefined ? {} : { minCount }),
    ...(maxWords === undefined ? {} : { maxWords }),
    ...(lowercase === undefined ? {} : { lowercase }),
    ...(validationFraction === undefined ? {} : { validationFraction }),
    ...(testFraction === undefined ? {} : { testFraction }),
  };
}
