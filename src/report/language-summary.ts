import * as format from './format.ts';
import { perplexity, trainableShare } from './language-columns.ts';
import { bestVariant, shownVariants, type LanguageReportInput, type ShownVariant } from './language-document.ts';

/**
 * What a comparison of language models shows, in sentences: the best variant, how near the best fixed word vectors come to learned
 * ones, and what they save. The models were trained once each, so no difference is called one.
 */
export function summarizeLanguage(input: LanguageReportInput): readonly string[] {
  const shown = shownVariants(input);
  const best = bestVariant(shown);
  if (best === undefined) return ['No model has a perplexity yet.'];
  const learned = bestVariant(shown.filter(({ variant }) => variant.embedding === 'learned'));
  const fixed = bestVariant(shown.filter(({ variant }) => variant.fixed));
  return [
    opening(shown, best),
    ...(learned !== undefined && fixed !== undefined ? [against(fixed, learned), saved(fixed, learned)] : []),
    ...frequencies(input, best),
    ...(shown.length > 1
      ? ['One seed shows nothing of the spread between runs, so small differences mean little.']
      : []),
  ];
}

const valid = ({ variant }: ShownVariant): number => variant.validationPerplexity;

function opening(shown: readonly ShownVariant[], best: ShownVariant): string {
  const reached = `a validation perplexity of ${perplexity(valid(best))} (test ${perplexity(best.variant.testPerplexity)})`;
  if (shown.length === 1) return `The model with ${quoted(best)} word vectors reaches ${reached}.`;
  return `Of ${format.count(shown.length)} models, the one with ${quoted(best)} word vectors has the lowest perplexity: ${reached}.`;
}

/** `“word2vec, fixed, tied”`: a name with commas in a sentence. */
const quoted = ({ name }: ShownVariant): string => `“${name}”`;

function against(fixed: ShownVariant, learned: ShownVariant): string {
  const ratio = valid(fixed) / valid(learned) - 1;
  const distance = `${format.sharePercent(Math.abs(ratio))} % ${ratio > 0 ? 'above' : 'below'}`;
  return `The best fixed word vectors, ${quoted(fixed)}, come to ${perplexity(valid(fixed))}, ${ratio === 0 ? 'level with' : distance} the best learned ones, ${quoted(learned)}, at ${perplexity(valid(learned))}.`;
}

function saved(fixed: ShownVariant, learned: ShownVariant): string {
  const trains = `They leave ${format.count(fixed.variant.parameters.trainable)} of ${format.count(fixed.variant.parameters.total)} parameters to train (${format.sharePercent(trainableShare(fixed))} %), where the learned ones train ${format.count(learned.variant.parameters.trainable)}`;
  const time = fixed.variant.secondsPerEpoch / learned.variant.secondsPerEpoch;
  if (!Number.isFinite(time) || time <= 0) return `${trains}.`;
  return `${trains}; an epoch takes ${format.percent(time, 0)} % of their time.`;
}

function frequencies({ unigram }: LanguageReportInput, best: ShownVariant): readonly string[] {
  if (!(unigram.validationPerplexity > valid(best))) return [];
  return [`Knowing only how common words are gives ${perplexity(unigram.validationPerplexity)}.`];
}
