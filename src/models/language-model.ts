import { usageError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import type { Value } from '../graph/builder.ts';
import { gather, mul, reshape } from '../graph/functions.ts';
import { slotOfClass } from '../heads/class-scores.ts';
import type { Geometry } from '../heads/geometry.ts';
import { normalizeRows } from '../heads/unit-features.ts';
import type { WordScores, WordVectors } from '../heads/word-classifier.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { lstm, type LstmState } from '../nn/lstm.ts';

/**
 * The vectors of V words with N numbers each, row-major `[V, N]`.
 *
 * - `learned`: trained, from `initial` on (default: U(−0.1, 0.1));
 * - `fixed`: a constant;
 * - `geometry`: fixed vectors that are computed, not stored.
 */
export type WordTable =
  | { readonly kind: 'learned'; readonly initial?: Float32Array }
  | { readonly kind: 'fixed'; readonly vectors: Float32Array }
  | { readonly kind: 'geometry'; readonly geometry: Geometry };

/**
 * How the logit of word w follows from the hidden state h: `dot`: ⟨e_w, h⟩ + b_w; `cosine`: α·⟨ê_w, ĥ⟩ + b_w, with vectors of unit
 * length and a learned α (Hoffer, Hubara & Soudry 2018, section 2).
 */
export type LogitForm = 'dot' | 'cosine';

/** A word-level language model. */
export interface LanguageModelSpec {
  /** V. */
  readonly words: number;
  /** N: numbers of a word vector, and of the state of the last layer. */
  readonly size: number;
  /** Numbers of the state of every other layer. */
  readonly hidden: number;
  readonly layers: number;
  /** Share of the numbers that are dropped between layers in training, 0 ≤ p < 1, rounded to 1/256. */
  readonly dropout: number;
  readonly logits: LogitForm;
  /** The vectors that words enter with. */
  readonly input: WordTable;
  /** The vectors that words are predicted with; `input`: the same ones. */
  readonly output: WordTable | 'input';
  /** First values of the bias b `[V]`. */
  readonly bias: Float32Array;
}

/** U(−a, a) for learned word vectors, as in Zaremba et al. 2014. */
const INITIAL_BOUND = 0.1;

/** Numbers of the state of each layer: the last one has as many as a word vector. */
export function stateSizes({ layers, hidden, size }: Pick<LanguageModelSpec, 'layers' | 'hidden' | 'size'>): number[] {
  return Array.from({ length: layers }, (_, layer) => (layer === layers - 1 ? size : hidden));
}

/** The parts of a model inside a graph that is being built. */
export interface LanguageModelLayers {
  /** What words (int32 `[steps, batch]`) enter the first layer with: `[steps, batch, N]`. */
  readonly embed: (words: Value) => Value;
  /**
   * The last layer's states h `[steps, batch, N]` and the state of each layer after the last step. `drop` is applied to what enters
   * each layer and to h: place 0 to `layers`.
   */
  readonly recur: (
    x: Value,
    states: readonly LstmState[],
    drop?: (value: Value, place: number) => Value,
  ) => { readonly output: Value; readonly states: readonly LstmState[] };
  /** What logits are made of, from h `[rows, N]`. */
  readonly scores: (h: Value) => Omit<WordScores, 'labels'>;
}

/** Root of the mean square of all numbers. */
const rms = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** First factor of the input, with which its numbers have a mean square of 1. */
function inputScale(table: WordTable, size: number): number {
  switch (table.kind) {
    case 'learned':
      return table.initial === undefined ? Math.sqrt(3) / INITIAL_BOUND : 1 / rms(table.initial);
    case 'fixed':
      return 1 / rms(table.vectors);
    case 'geometry':
      return Math.sqrt(size);
    default:
      return table satisfies never;
  }
}

/** Declares a table as it is: a parameter or a constant `[V, N]`, or a geometry. */
function declare(c: LayerContext, table: WordTable, { words, size }: LanguageModelSpec): WordVectors {
  switch (table.kind) {
    case 'learned': {
      const { initial } = table;
      const first =
        initial === undefined
          ? ({ kind: 'uniform', bound: INITIAL_BOUND } as const)
          : ({ kind: 'given', values: initial } as const);
      return { kind: 'table', table: c.parameter('weight', [words, size], first, { decay: true }) };
    }
    case 'fixed':
      return { kind: 'table', table: c.fixed('weight', float32([words, size], table.vectors)) };
    case 'geometry':
      return { kind: 'geometry', geometry: table.geometry };
    default:
      return table satisfies never;
  }
}

/**
 * Declares the model's parameters in a graph: `embedding.weight` `[V, N]` and `.scale` `[1]`, `lstm.<layer>.…`, `head.weight` `[V, N]`
 * unless the vectors are shared, `head.scale` `[1]` for cosines, `head.bias` `[V]`.
 *
 * A word enters with its vector times a learned factor, which starts so that the numbers have a mean square of 1: fixed vectors
 * have unit length, and their numbers would hardly move the gates.
 *
 * @throws a usage error for sizes that do not fit.
 */
export function languageModel(c: LayerContext, spec: LanguageModelSpec): LanguageModelLayers {
  const { b } = c;
  checkSizes(spec);
  const { input, vectors, factor } = c.layer('embedding', () => {
    const entries = declare(c, spec.input, spec);
    const value = inputScale(spec.input, spec.size);
    return {
      input: entries,
      vectors: entries,
      factor: c.parameter('scale', [1], { kind: 'constant', value }, { decay: false }),
    };
  });

  const lookUp = (words: Value): Value => {
    if (input.kind === 'table') return gather(b, input.table, words, 0);
    const rows = c.layer('embedding', () => {
      const { geometry } = input;
      const flat = reshape(b, words, [-1]);
      const slots = slotOfClass(b, geometry);
      return geometry.rowsOf(c, slots === undefined ? flat : gather(b, slots, flat, 0));
    });
    const [steps, batch] = words.type.shape;
    return reshape(b, rows, [Number(steps), typeof batch === 'number' ? batch : -1, spec.size]);
  };

  const output = spec.output;
  const predicted = output === 'input' ? vectors : c.layer('head', () => declare(c, output, spec));
  const table = output === 'input' ? spec.input : output;
  const head = c.layer('head', () => ({
    scale:
      spec.logits === 'cosine'
        ? c.parameter('scale', [1], { kind: 'constant', value: Math.sqrt(spec.size) }, { decay: false })
        : undefined,
    bias: c.parameter('bias', [spec.words], { kind: 'given', values: spec.bias }, { decay: false }),
  }));

  return Object.freeze({
    embed: (words: Value) => c.layer('embedding', () => mul(b, lookUp(words), factor)),
    recur: (
      x: Value,
      states: readonly LstmState[],
      drop: (value: Value, place: number) => Value = (value) => value,
    ) => {
      const after: LstmState[] = [];
      const sizes = stateSizes(spec);
      const last = states.reduce((value, state, layer) => {
        const size = sizes[layer] ?? spec.size;
        const { output: next, state: end } = c.layer(`lstm/${layer}`, () => lstm(c, drop(value, layer), state, size));
        after.push(end);
        return next;
      }, x);
      return { output: drop(last, spec.layers), states: after };
    },
    scores: (h: Value) =>
      c.layer('head', () => {
        const { scale, bias } = head;
        if (scale === undefined) return { scaled: h, vectors: predicted, bias };
        const scaled = mul(b, normalizeRows(c, h), scale);
        const unit: WordVectors =
          predicted.kind === 'table' && table.kind === 'learned'
            ? { kind: 'table', table: normalizeRows(c, predicted.table) }
            : predicted;
        return { scaled, vectors: unit, bias };
      }),
  });
}

function checkSizes({ words, size, hidden, layers, dropout, bias, input, output }: LanguageModelSpec): void {
  for (const [name, value] of Object.entries({ 'word vector size': size, 'hidden size': hidden, layers })) {
    if (!Number.isInteger(value) || value < 1)
      throw usageError(`the ${name} must be a positive integer`, { received: String(value) });
  }
  if (!(dropout >= 0 && dropout < 1))
    throw usageError('dropout out of range', { expected: '0 ≤ p < 1', received: String(dropout) });
  const fits = (table: WordTable): boolean => {
    switch (table.kind) {
      case 'learned':
        return table.initial === undefined || table.initial.length === words * size;
      case 'fixed':
        return table.vectors.length === words * size;
      case 'geometry':
        return table.geometry.classes === words && table.geometry.features === size;
      default:
        return table satisfies never;
    }
  };
  for (const table of output === 'input' ? [input] : [input, output]) {
    if (!fits(table))
      throw usageError('the word vectors have another size than the model', {
        expected: `${words} words, ${size} numbers each`,
        received: table.kind,
      });
  }
  if (bias.length !== words)
    throw usageError('one bias for each word', { expected: String(words), received: String(bias.length) });
}
