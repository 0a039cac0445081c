export { openCorpus, type CorpusOptions, type TextCorpus } from './corpus.ts';
export type { SplitName } from './layout.ts';
export { detokenise, endOfSentenceWord, looksTokenised, tokenise, unknownWord } from './tokens.ts';
export { makeVocabulary, vocabularyOf, type Vocabulary, type VocabularyChoice } from './vocabulary.ts';
export { scoringWindows, trainingWindows, type ScoringWindows, type TextWindows } from './windows.ts';
