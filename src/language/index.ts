export { generateWords, sampleWord, type SamplingOptions } from './generate.ts';
export { nextStateName, nextWordGraph, scoringGraph, stateNames } from './inference.ts';
export { scoreText, type TextScore } from './perplexity.ts';
export { languageModelProgram, type WindowSize } from './program.ts';
export type { LanguageEpoch } from './progress.ts';
export {
  scoreTest,
  trainLanguageModel,
  type LanguageEvent,
  type LanguageRecipe,
  type LanguageTrainOptions,
  type LanguageTrainResult,
} from './trainer.ts';
