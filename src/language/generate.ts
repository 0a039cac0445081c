import { randomStream } from '../core/random.ts';
import { defined, inputError } from '../core/errors.ts';
import { int32 } from '../core/tensor.ts';
import type { Session, Tensors } from '../runtime/runtime.ts';
import { nextStateName } from './inference.ts';

/** How the next word is chosen. */
export interface SamplingOptions {
  /** How many words to write, `<eos>` included. */
  readonly words: number;
  /** T ≥ 0: probabilities are those of logits/T; 0 takes the most probable word. */
  readonly temperature: number;
  /** Choose among so many most probable words only; all unless given. */
  readonly topK?: number;
  readonly seed: number;
  /** Words that are never written, such as `<unk>`. */
  readonly never: readonly number[];
  /** When it aborts, what was written so far is given. */
  readonly signal?: AbortSignal;
  /** Called with each word as it is drawn. */
  readonly onWord?: (word: number) => void;
}

/** Draws a word from logits `[V]`. `uniform` is in [0, 1). */
export function sampleWord(
  logits: Float32Array,
  { temperature, topK, never }: Pick<SamplingOptions, 'temperature' | 'topK' | 'never'>,
  uniform: number,
): number {
  const excluded = new Set(never);
  const order = Array.from(logits.keys()).filter((word) => !excluded.has(word));
  const at = (word: number): number => logits[word] ?? -Infinity;
  order.sort((one, other) => at(other) - at(one) || one - other);
  const best = order.slice(0, topK ?? order.length);
  const [first] = best;
  if (first === undefined || !Number.isFinite(at(first))) throw inputError('the model gave no finite logit');
  if (temperature === 0) return first;
  const weights = best.map((word) => Math.exp((at(word) - at(first)) / temperature));
  let left = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [place, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return best[place] ?? first;
  }
  return first;
}

/**
 * Writes on from a beginning, with a model of `nextWordGraph`: the beginning is read a word at a time, then each word that is drawn is
 * read in turn. The draws are a pure function of the seed.
 *
 * @param prompt at least one word: `<eos>` where there is no other beginning
 * @throws an input error where the model's logits are not finite.
 */
export async function generateWords(
  session: Pick<Session, 'run' | 'inputNames'>,
  zeros: Tensors,
  prompt: readonly number[],
  options: SamplingOptions,
): Promise<number[]> {
  const random = randomStream(options.seed, 'generate');
  const stateInputs = session.inputNames.filter((name) => name !== 'words');
  let states: Tensors = zeros;
  const read = async (word: number): Promise<Float32Array> => {
    const outputs = await session.run({ words: int32([1], [word]), ...states });
    states = Object.fromEntries(
      stateInputs.map((name) => [name, defined(outputs[nextStateName(name)], `output ${nextStateName(name)}`)]),
    );
    const logits = outputs['logits'];
    if (logits?.dtype !== 'float32') throw inputError('the model gives no logits', { expected: 'float32 logits' });
    return logits.data;
  };
  let logits = new Float32Array();
  for (const word of prompt) logits = Float32Array.from(await read(word));
  const written: number[] = [];
  while (written.length < options.words && options.signal?.aborted !== true) {
    const word = sampleWord(logits, options, random.uniform());
    written.push(word);
    options.onWord?.(word);
    if (written.length < options.words) logits = Float32Array.from(await read(word));
  }
  return written;
}
