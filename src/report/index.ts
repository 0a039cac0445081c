export type {
  ComparisonDocument,
  HeadComparison,
  HeadParameters,
  Mistake,
  NeighbourFacts,
  ReportInput,
  RunHistory,
} from './comparison.ts';
export { renderReport } from './html.ts';
export { renderCurvesPng } from './picture.ts';
export { summarise } from './summary.ts';
export { comparisonMarkdown, comparisonTable, type TableOptions } from './table.ts';
export { writeReport } from './write.ts';
export type {
  AssignmentFacts,
  ClassifierCost,
  CollapseFacts,
  FeatureFacts,
  GeometryFacts,
  HeadDocument,
  LayerFacts,
  TimedBatch,
  TimingFacts,
  TrainingBytes,
  TrainingFacts,
  VectorFacts,
} from './head-document.ts';
export { renderHeadPage, writeHeadReport } from './head-page.ts';
export type { ClassChange, FixDocument, FixedClassifier, FixMeasure } from './fix-document.ts';
export { renderFixPage, summarizeFix, writeFixReport } from './fix-page.ts';
