import { findTextEntry, howToGetText, textCatalog, type TextCatalogEntry } from './catalog.ts';
import type { TextCorpus } from './corpus.ts';
import { splitNames, type SplitName } from './layout.ts';
import { locateText, placesOfText } from './locate-corpus.ts';
import { detokenise, endOfSentenceWord, unknownWord } from './tokens.ts';

/** What there is to know about a named corpus without opening it. */
export interface CorpusListing {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  /** Where it is looked for, in order; empty for an npm package. */
  readonly places: readonly string[];
  readonly available: boolean;
  /** The folder or archive in which it was found. */
  readonly found?: string;
  readonly howToGet: string;
  readonly source: string;
}

/** Every named corpus and whether it is on this machine. */
export async function listCorpora(options: { readonly cacheDirectory?: string } = {}): Promise<CorpusListing[]> {
  return await Promise.all(textCatalog.map((entry) => listingOf(entry, options.cacheDirectory)));
}

async function listingOf(entry: TextCatalogEntry, cacheDirectory: string | undefined): Promise<CorpusListing> {
  const found = await locateText(entry, cacheDirectory);
  const { name, aliases, description, source } = entry;
  return {
    name,
    aliases,
    description,
    places: placesOfText(entry, cacheDirectory),
    available: found !== undefined,
    ...(found === undefined ? {} : { found: found.path }),
    howToGet: howToGetText(entry),
    source,
  };
}

/** A corpus in figures. */
export interface CorpusDescription {
  readonly name: string;
  readonly how: string;
  /** Of each part, `<eos>` included. */
  readonly tokens: Readonly<Record<SplitName, number>>;
  /** Ends of lines in each part. */
  readonly lines: Readonly<Record<SplitName, number>>;
  /** Words, `<unk>` and `<eos>` included. */
  readonly vocabulary: number;
  readonly unknownShare: Readonly<Record<SplitName, number>>;
  /** The commonest words and signs of the training part, without `<unk>` and `<eos>`. */
  readonly mostFrequent: readonly { readonly word: string; readonly count: number }[];
  /** The beginning of a validation text, as running text. */
  readonly sample: string;
  readonly fingerprint: string;
}

const frequentWords = 20;
const sampleTokens = 40;

/** What a corpus holds, for people who decide whether to train on it. */
export function describeCorpus({
  name,
  how,
  vocabulary,
  splits,
  unknownShare,
  fingerprint,
}: TextCorpus): CorpusDescription {
  const { words, counts, endOfSentence } = vocabulary;
  const frequent = words.map((word, place) => ({ word, count: counts[place] ?? 0 }));
  const endsOf = (ids: Int32Array): number => ids.reduce((sum, id) => sum + Number(id === endOfSentence), 0);
  return {
    name,
    how,
    tokens: bySplit((split) => splits[split].length),
    lines: bySplit((split) => endsOf(splits[split])),
    vocabulary: words.length,
    unknownShare,
    mostFrequent: frequent
      .filter(({ word }) => word !== unknownWord && word !== endOfSentenceWord)
      .slice(0, frequentWords),
    sample: sampleOf(splits.validation, vocabulary),
    fingerprint,
  };
}

/** The first line that is long enough to tell something, else the longest. */
function sampleOf(ids: Int32Array, { words, endOfSentence }: TextCorpus['vocabulary']): string {
  let longest = ids.subarray(0, 0);
  let start = 0;
  while (start < ids.length && longest.length < sampleTokens) {
    const found = ids.indexOf(endOfSentence, start);
    const end = found < 0 ? ids.length : found;
    if (end - start > longest.length) longest = ids.subarray(start, end);
    start = end + 1;
  }
  const text = detokenise(Array.from(longest.subarray(0, sampleTokens), (id) => words[id] ?? unknownWord));
  return longest.length > sampleTokens ? `${text} …` : text;
}

function bySplit(of: (split: SplitName) => number): Readonly<Record<SplitName, number>> {
  return { train: of('train'), validation: of('validation'), test: of('test') };
}

/** Where a corpus differs from what is published about the one of that name, each difference a sentence; none for a corpus of which nothing is published. */
export function differencesFromPublished({ name, splits, vocabulary }: TextCorpus): readonly string[] {
  const { tokens, words } = findTextEntry(name) ?? {};
  const differences: string[] = [];
  for (const split of splitNames) {
    const [received, expected] = [splits[split].length, tokens?.[split]];
    if (expected !== undefined && received !== expected) {
      differences.push(`${split}: expected ${expected} tokens, as published, received ${received}`);
    }
  }
  if (words !== undefined && vocabulary.words.length !== words) {
    differences.push(`vocabulary: expected ${words} words, as published, received ${vocabulary.words.length}`);
  }
  return differences;
}
