import { inputError } from '../core/errors.ts';
import { int32 } from '../core/tensor.ts';
import type { TextCorpus } from '../data/text/corpus.ts';
import { scoringWindows } from '../data/text/windows.ts';
import type { Graph } from '../graph/graph.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { nextWordGraph, scoringGraph } from '../language/inference.ts';
import { nextStates, zeroStates } from '../language/perplexity.ts';
import { lower } from '../lowering/lower.ts';
import type { LanguageModelSpec } from '../models/language-model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import type { RunPaths } from '../train/run-folder.ts';
import { choiceName, type LanguageConfig } from './language-config.ts';

/** A trained language model. */
export interface TrainedLanguageModel {
  readonly spec: LanguageModelSpec;
  readonly weights: Weights;
  readonly corpus: Pick<TextCorpus, 'vocabulary'> & Partial<Pick<TextCorpus, 'splits'>>;
  readonly config: Pick<LanguageConfig, 'choice' | 'recipe'>;
}

/** The two files of a language model: the one that writes, a word at a time, and the one that judges a window. */
export interface LanguageExports {
  readonly model: Uint8Array;
  readonly scorer: Uint8Array;
}

/** Both files as ONNX bytes: standard operators, any batch size, the words in the metadata. */
export function exportLanguageModel({ spec, weights, corpus, config }: TrainedLanguageModel): LanguageExports {
  const metadata = {
    vocabulary: JSON.stringify(corpus.vocabulary.words),
    model: `lstm, ${spec.layers} layers, word vectors of ${spec.size} numbers`,
    head: choiceName(config.choice),
  };
  const bytes = (graph: Graph, input: string, output: string): Uint8Array =>
    toOnnx(lower(graph, { kind: 'portable' }), { producer: 'fixhead', metadata: { ...metadata, input, output } });
  const { window } = config.recipe;
  return {
    model: bytes(
      nextWordGraph(spec, weights),
      'words: int32 [batch], places in the vocabulary; hidden.i, cell.i: the state, zeros at the start',
      `logits: float32 [batch, ${spec.words}] of the next word; next_hidden.i, next_cell.i: the state to go on with`,
    ),
    scorer: bytes(
      scoringGraph(spec, weights, { window }),
      `words, targets: int32 [${window}, batch], a text and the words that follow; hidden.i, cell.i: the state, zeros at the start`,
      `log_likelihood: float32 [${window}, batch], log p(target) in nats; next_hidden.i, next_cell.i: the state to go on with`,
    ),
  };
}

/** How far the two files may differ, in nats: float32 rounding over a window. */
const LARGEST_DIFFERENCE = 1e-3;

/** log p of the targets of the window, word by word, by the file that writes. */
async function stepwise(
  runtime: Runtime,
  bytes: Uint8Array,
  spec: LanguageModelSpec,
  words: Int32Array,
  targets: Int32Array,
): Promise<number[]> {
  await using session = await runtime.createSession(bytes, 'inference');
  let states = zeroStates(spec, 1);
  const found: number[] = [];
  for (const [place, word] of words.entries()) {
    const outputs = await session.run({ words: int32([1], [word]), ...states });
    states = nextStates(spec, outputs);
    const logits = outputs['logits']?.data ?? [];
    let [largest, sum] = [-Infinity, 0];
    for (const logit of logits) largest = Math.max(largest, Number(logit));
    for (const logit of logits) sum += Math.exp(Number(logit) - largest);
    found.push(Number(logits[targets[place] ?? 0]) - largest - Math.log(sum));
  }
  return found;
}

/** Writes `model.onnx` and `scorer.onnx`. @throws an input error where the two judge the start of a text differently. */
export async function writeLanguageExports(
  runtime: Runtime,
  paths: Pick<RunPaths, 'model' | 'scorer'>,
  trained: TrainedLanguageModel,
): Promise<void> {
  const { spec, corpus, config } = trained;
  const exported = exportLanguageModel(trained);
  if (corpus.splits !== undefined) {
    const { window } = config.recipe;
    const { inputs, targets } = scoringWindows(corpus.splits.validation, 1, window, corpus.vocabulary.endOfSentence).at(
      0,
    );
    await using session = await runtime.createSession(exported.scorer, 'inference');
    const shape = [window, 1];
    const outputs = await session.run({
      words: int32(shape, inputs),
      targets: int32(shape, targets),
      ...zeroStates(spec, 1),
    });
    const whole = outputs['log_likelihood']?.data ?? [];
    const one = await stepwise(runtime, exported.model, spec, inputs, targets);
    const difference = one.reduce((most, value, place) => Math.max(most, Math.abs(value - Number(whole[place]))), 0);
    if (!(difference <= LARGEST_DIFFERENCE)) {
      throw inputError('the exported models disagree', {
        where: paths.model,
        expected: `at most ${LARGEST_DIFFERENCE} nats apart`,
        received: String(difference),
      });
    }
  }
  await writeFileAtomically(paths.model, exported.model);
  await writeFileAtomically(paths.scorer, exported.scorer);
}
