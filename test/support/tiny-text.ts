import { randomStream } from '../../src/core/random.ts';
import type { TextCorpus } from '../../src/data/text/corpus.ts';
import { vocabularyOf } from '../../src/data/text/vocabulary.ts';
import type { LanguageModelSpec } from '../../src/models/language-model.ts';
import type { LanguageModelSizes, VectorChoice } from '../../src/runs/language-tables.ts';
import { languageModelOf } from '../../src/runs/language-tables.ts';

/** A corpus of given token ids: place 0 of the vocabulary is `<eos>`, place 1 `<unk>`, the others `w2`, `w3` … */
function corpusOf(words: number, splits: TextCorpus['splits']): TextCorpus {
  const names = ['<eos>', '<unk>', ...Array.from({ length: words - 2 }, (_, place) => `w${place + 2}`)];
  const counts = new Float64Array(words);
  for (const id of splits.train) counts[id] = (counts[id] ?? 0) + 1;
  return {
    name: 'tiny',
    vocabulary: vocabularyOf(names, counts),
    splits,
    unknownShare: { train: 0, validation: 0, test: 0 },
    fingerprint: 'tiny',
    how: 'made by a test',
  };
}

/** The words of the vocabulary after each other, then `<eos>`, again and again: every word follows from the one before. */
export function cyclicCorpus(words: number, tokens: number): TextCorpus {
  const cycle = [...Array.from({ length: words - 2 }, (_, place) => place + 2), 0];
  const text = (length: number): Int32Array =>
    Int32Array.from({ length }, (_, place) => cycle[place % cycle.length] ?? 0);
  return corpusOf(words, { train: text(tokens), validation: text(3 * cycle.length), test: text(2 * cycle.length) });
}

/** Words drawn independently of each other, low ids more often. */
export function randomCorpus(words: number, tokens: number, seed = 1): TextCorpus {
  const random = randomStream(seed, 'tiny text');
  const text = (length: number): Int32Array =>
    Int32Array.from({ length }, () => Math.min(random.integer(words), random.integer(words)));
  return corpusOf(words, { train: text(tokens), validation: text(tokens), test: text(tokens) });
}

export const learned: VectorChoice = { embedding: 'learned', tied: true, fixed: false, logits: 'dot' };
export const orthonormal: VectorChoice = { embedding: 'orthonormal', tied: true, fixed: true, logits: 'cosine' };
export const hadamard: VectorChoice = { embedding: 'hadamard', tied: true, fixed: true, logits: 'cosine' };

export const tinySizes: LanguageModelSizes = { size: 8, hidden: 12, layers: 2, dropout: 0, bias: 'unigram' };

/** The model of a choice for a corpus, small. */
export function tinyModel(
  choice: VectorChoice,
  { vocabulary }: Pick<TextCorpus, 'vocabulary'>,
  sizes: Partial<LanguageModelSizes> = {},
): LanguageModelSpec {
  return languageModelOf(choice, { ...tinySizes, ...sizes }, vocabulary, 1);
}
