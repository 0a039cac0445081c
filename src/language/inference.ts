import type { Dim } from '../core/shape.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { reshape } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { wordLogits, wordLogLikelihoods } from '../heads/word-classifier.ts';
import { languageModel, stateSizes, type LanguageModelSpec } from '../models/language-model.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import type { LstmState } from '../nn/lstm.ts';

/** Names of the state of a layer, as an input; the output that follows it is `next_` + this. */
export const stateNames = (layer: number): { readonly hidden: string; readonly cell: string } => ({
  hidden: `hidden.${layer}`,
  cell: `cell.${layer}`,
});

/** The output that follows a state input. */
export const nextStateName = (name: string): string => `next_${name}`;

function stateInputs(b: Builder, spec: LanguageModelSpec, batch: Dim): readonly LstmState[] {
  return stateSizes(spec).map((size, layer) => {
    const { hidden, cell } = stateNames(layer);
    return { hidden: b.input(hidden, 'float32', [batch, size]), cell: b.input(cell, 'float32', [batch, size]) };
  });
}

function stateOutputs(b: Builder, states: readonly LstmState[]): void {
  states.forEach((state, layer) => {
    const { hidden, cell } = stateNames(layer);
    b.output(state.hidden, nextStateName(hidden));
    b.output(state.cell, nextStateName(cell));
  });
}

/** h of all places in one matrix `[window·batch, N]`. */
const rows = (b: Builder, h: Value, size: number): Value => reshape(b, h, [-1, size]);

/**
 * The model as it writes: int32 `words` `[batch]` and the state before them (`hidden.<layer>`, `cell.<layer>` `[batch, size]`, zeros at the
 * start) to `logits` `[batch, V]` of the next word and the state after them (`next_…`). Standard operators, any batch size.
 */
export function nextWordGraph(spec: LanguageModelSpec, weights: Weights): Graph {
  const b = createBuilder('language-model');
  const words = b.input('words', 'int32', ['batch']);
  const states = stateInputs(b, spec, 'batch');
  const c = createLayerContext(b, weights);
  const model = languageModel(c, spec);
  const { output, states: after } = model.recur(model.embed(reshape(b, words, [1, -1])), states);
  b.output(wordLogits(c, model.scores(rows(b, output, spec.size))), 'logits');
  stateOutputs(b, after);
  return checkGraph(b.build(), 'language model');
}

/**
 * The model as it judges: int32 `words` and the `targets` that follow them, `[window, batch]`, and the state before them to
 * `log_likelihood` `[window, batch]`, log p(target) in nats, and the state after them (`next_…`). Standard operators; the batch is
 * symbolic unless given.
 */
export function scoringGraph(
  spec: LanguageModelSpec,
  weights: Weights,
  { window, batch = 'batch' }: { readonly window: number; readonly batch?: Dim },
): Graph {
  const b = createBuilder('language-model-scorer');
  const words = b.input('words', 'int32', [window, batch]);
  const targets = b.input('targets', 'int32', [window, batch]);
  const states = stateInputs(b, spec, batch);
  const c = createLayerContext(b, weights);
  const model = languageModel(c, spec);
  const { output, states: after } = model.recur(model.embed(words), states);
  const labels = reshape(b, targets, [-1]);
  const likelihoods = wordLogLikelihoods(c, { ...model.scores(rows(b, output, spec.size)), labels });
  b.output(reshape(b, likelihoods, [window, -1]), 'log_likelihood');
  stateOutputs(b, after);
  return checkGraph(b.build(), 'language model scorer');
}
