import { defined, inputError } from '../core/errors.ts';
import { float32, int32 } from '../core/tensor.ts';
import { scoringWindows } from '../data/text/windows.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { lower } from '../lowering/lower.ts';
import { stateSizes, type LanguageModelSpec } from '../models/language-model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { nextStateName, scoringGraph, stateNames } from './inference.ts';
import type { WindowSize } from './program.ts';

/** How well a model predicts a text. */
export interface TextScore {
  /** Words that were predicted, `<eos>` included. */
  readonly tokens: number;
  /** Mean of −log p(word | words before it), in nats. */
  readonly loss: number;
  /** exp(loss): as unsure as a choice among so many equally likely words. */
  readonly perplexity: number;
}

/** The text is read at so many places at once; a state that starts from zeros costs a little at each. */
export const SCORING: WindowSize = Object.freeze({ batch: 16, window: 35 });

/** All-zero states of a batch, by input name. */
export function zeroStates(spec: LanguageModelSpec, batch: number): Record<string, Tensors[string]> {
  const states: Record<string, Tensors[string]> = {};
  stateSizes(spec).forEach((size, layer) => {
    const { hidden, cell } = stateNames(layer);
    states[hidden] = float32([batch, size], new Float32Array(batch * size));
    states[cell] = float32([batch, size], new Float32Array(batch * size));
  });
  return states;
}

/** The state that a run left, as the input of the next one. */
export function nextStates(spec: LanguageModelSpec, outputs: Tensors): Record<string, Tensors[string]> {
  const states: Record<string, Tensors[string]> = {};
  stateSizes(spec).forEach((_, layer) => {
    for (const name of Object.values(stateNames(layer)))
      states[name] = defined(outputs[nextStateName(name)], `output ${nextStateName(name)}`);
  });
  return states;
}

/**
 * How well a model predicts a text: every word once, none twice. The text is cut into `size.batch` pieces that are read side by side,
 * each from an all-zero state; the word before a piece is its first input.
 *
 * @param text its words, and the word that is taken to stand before them: `<eos>`
 * @throws an input error where the model's answers are not finite.
 */
export async function scoreText(
  runtime: Runtime,
  spec: LanguageModelSpec,
  weights: Weights,
  text: { readonly ids: Int32Array; readonly first: number },
  options: { readonly size?: WindowSize; readonly onProgress?: (done: number, count: number) => void } = {},
): Promise<TextScore> {
  // A short text has fewer pieces: none shorter than a window.
  const { batch: most, window } = options.size ?? SCORING;
  const batch = Math.max(1, Math.min(most, Math.floor(text.ids.length / window)));
  const bytes = toOnnx(lower(scoringGraph(spec, weights, { window, batch }), { kind: 'portable' }));
  await using session = await runtime.createSession(bytes, 'inference');
  const windows = scoringWindows(text.ids, batch, window, text.first);
  let [sum, tokens, states] = [0, 0, zeroStates(spec, batch)];
  for (let index = 0; index < windows.count; index++) {
    const { inputs, targets, weights: counted } = windows.at(index);
    const outputs = await session.run({
      words: int32([window, batch], inputs),
      targets: int32([window, batch], targets),
      ...states,
    });
    states = nextStates(spec, outputs);
    const likelihood = outputs['log_likelihood'];
    likelihood?.data.forEach((value, place) => {
      if (counted[place] !== 1) return;
      sum -= Number(value);
      tokens += 1;
    });
    options.onProgress?.(index + 1, windows.count);
  }
  const loss = sum / tokens;
  if (!Number.isFinite(loss)) {
    throw inputError('the model’s answers are not finite', {
      received: `a mean of ${loss} nats for each word`,
      hint: 'training diverged: lower the learning rate',
    });
  }
  return Object.freeze({ tokens, loss, perplexity: Math.exp(loss) });
}
