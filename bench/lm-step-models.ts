import { randomStream } from '../src/core/random.ts';
import { languageModelProgram, type WindowSize } from '../src/language/program.ts';
import { adam } from '../src/optim/index.ts';
import { languageModelOf, type GivenVectors, type VectorChoice } from '../src/runs/language-tables.ts';
import type { TrainingProgram } from '../src/train/step-program.ts';

/** The size of a language model and of its training step. */
export interface LmStepSizes extends WindowSize {
  readonly words: number;
  /** Numbers of a word vector and of the state of each layer. */
  readonly hidden: number;
  readonly layers: number;
}

/** Word vectors of the models that are timed; input and output have their own. */
export const lmVectors = {
  learned: { embedding: 'learned', tied: false, fixed: false, logits: 'dot' },
  /** As word2vec or another method gives them: a table that is not trained. */
  'fixed vectors': { embedding: 'word2vec', tied: false, fixed: true, logits: 'cosine' },
  Hadamard: { embedding: 'hadamard', tied: false, fixed: true, logits: 'cosine' },
} as const satisfies Record<string, VectorChoice>;

export type LmVectors = keyof typeof lmVectors;

export const isLmVectors = (name: string): name is LmVectors => Object.hasOwn(lmVectors, name);

const DROPOUT = 0.5;
export const LEARNING_RATE = 1e-3;

/** Words by rank r that are as common as 1/r. */
const zipf = (words: number): Float64Array => Float64Array.from({ length: words }, (_, rank) => 1e6 / (rank + 1));

/** What a table costs does not depend on its numbers. */
function randomVectors({ words, hidden }: LmStepSizes): GivenVectors {
  const table = (name: string): Float32Array => {
    const random = randomStream(0, 'bench', 'lm-step', name);
    return Float32Array.from({ length: words * hidden }, () => random.normal());
  };
  return { vectors: table('words'), context: table('context') };
}

/** The training step that is timed: Adam, gradients clipped, half of the numbers dropped before, between and behind the layers. */
export function lmStepProgram(vectors: LmVectors, sizes: LmStepSizes): TrainingProgram {
  const { words, hidden, layers } = sizes;
  const choice = lmVectors[vectors];
  const vocabulary = { words: Array.from({ length: words }, (_, id) => `word${id}`), counts: zipf(words) };
  const model = { size: hidden, hidden, layers, dropout: DROPOUT, bias: 'unigram' } as const;
  const given = choice.embedding === 'word2vec' ? randomVectors(sizes) : undefined;
  const spec = languageModelOf(choice, model, vocabulary, 0, given);
  return languageModelProgram(spec, sizes, { optimizer: adam(), clipNorm: 0.25 });
}

/** Words of a window and those that follow, about as common as their rank says. */
export function lmStepWindow({ words, batch, window }: LmStepSizes): { inputs: Int32Array; targets: Int32Array } {
  const random = randomStream(0, 'bench', 'lm-step', 'text');
  const text = (): Int32Array =>
    Int32Array.from({ length: batch * window }, () => Math.min(words - 1, Math.floor(words ** random.uniform()) - 1));
  return { inputs: text(), targets: text() };
}
