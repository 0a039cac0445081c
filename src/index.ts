/**
 * fixhead: train, compare and ship classifiers whose last layer is fixed.
 *
 * A model, a head, a dataset and an optimiser are values:
 *
 * ```ts
 * const dataset = await openDataset('mnist-small');
 * const model = createModel(resnet(8, dataset.image), hadamard(), dataset.classes.length);
 * const result = await train({ model, dataset, recipe: recipe('default'), seed: 0, runtime: await openRuntime() });
 * ```
 *
 * @packageDocumentation
 */
export { FixheadError, type ErrorFields, type ErrorKind } from './core/errors.ts';
export { permutation, randomStream, type RandomStream } from './core/random.ts';
export type { Dim, Shape, StaticShape } from './core/shape.ts';
export { float32, int32, int64, tensor, type ArrayOf, type DType, type HostTensor } from './core/tensor.ts';

export { gradients, type GradientGraph, type GradientRequest } from './autodiff/gradients.ts';
/** Graphs of ONNX operators: building, checking, reading and writing them, and operators as functions. */
export * as graph from './graph/index.ts';
export { bindInputs } from './graph/bind.ts';
export { readOnnx, type OnnxModel, type ReadOptions } from './graph/onnx-read.ts';
export { lower, type LoweringOptions, type LoweringTarget, type Precision } from './lowering/lower.ts';
/** Models of other people: their classifier found and replaced, the rest as a backbone. */
export * as surgery from './surgery/index.ts';

export { batchNorm, conv2d, linear, type BatchNormOptions, type Conv2dOptions } from './nn/layers.ts';
export {
  createLayerContext,
  type BufferUpdate,
  type FixedTensor,
  type LayerContext,
  type ModelTensors,
  type Weights,
} from './nn/layer-context.ts';
export { lstm, type LstmState } from './nn/lstm.ts';
export { cosineLoss, crossEntropy, oneHot } from './nn/losses.ts';
export type { BufferSpec, Initial, ParameterSpec } from './nn/parameters.ts';

export * from './heads/index.ts';
export * from './models/index.ts';
export * from './optim/index.ts';
export * from './data/index.ts';
export * from './data/text/index.ts';
export * from './embeddings/index.ts';
export * from './language/index.ts';
export * from './runtime/index.ts';

export { assignClasses, type AssignmentRecord, type OnAssignmentProgress } from './train/assign-classes.ts';
export {
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type ModelIdentity,
  type StoredCheckpoint,
} from './train/checkpoint.ts';
export type { Answers, ConfusionCell } from './train/answers.ts';
export {
  evaluateModel,
  evaluateSession,
  evaluationBatchSize,
  type EvaluateSessionOptions,
  type Evaluation,
} from './train/evaluate.ts';
export type { DecodingRate, EpochRecord, OnTrainEvent, TrainEvent } from './train/events.ts';
export {
  featuresFrom,
  featuresOf,
  pixelFeatures,
  type FeatureOptions,
  type LabelledFeatures,
} from './train/features.ts';
export {
  backboneGraph,
  classifierGraph,
  deploymentGraph,
  embeddingGraph,
  evaluationGraph,
  featuresGraph,
  topClassesGraph,
} from './train/inference-graph.ts';
export { judge, type JudgeOptions, type Judgement } from './train/judge.ts';
export type { JsonObject, JsonValue } from './train/json.ts';
export { knnAccuracy, type KnnEvaluation, type KnnOptions, type NeighbourScore } from './train/knn.ts';
export type { MetricRecord } from './train/metrics.ts';
export { recipe, recipes, type Recipe, type RecipeName } from './train/recipe.ts';
export { classesTask, instanceTask, type NeighbourVote, type TaskSpec } from './train/task.ts';
export { train, type TrainOptions, type TrainResult, type TrainStore } from './train/trainer.ts';
export type { LoweringChoice } from './train/step-runner.ts';
export {
  stepProgram,
  type ForwardPass,
  type StateVector,
  type TrainingProgram,
  type UpdateOptions,
} from './train/step-program.ts';
export { trainingProgram, type ProgramOptions, type Teacher } from './train/training-program.ts';

export * from './report/index.ts';

export { resumeComparison, startComparison, type CompareOptions, type Comparison } from './runs/compare.ts';
export type { CompareSettings, DatasetChoice, OriginalChoice, TrainConfig, TrainSettings } from './runs/config.ts';
export { readClassImages, withExtraClass, type ClassImages, type ExtraClass, type ExtraOptions } from './data/merge.ts';
export type { ClassifierFile } from './runs/classifier-file.ts';
export { readClassVectors, type VectorsByHead } from './runs/class-vectors.ts';
export type { WeightsChoice } from './runs/classifier-file.ts';
export {
  evaluateClassifier,
  evaluatePath,
  type EvaluateOptions,
  type FeatureEvaluation,
  type FileEvaluation,
} from './runs/evaluate.ts';
export type { NeighbourBaselines } from './runs/baselines.ts';
export { describeHead } from './runs/describe-head.ts';
export { evaluateExported } from './runs/check-classifier.ts';
export { exportBackbone, exportEmbedding, exportModel, exportTopClasses } from './runs/export.ts';
export {
  exportRun,
  type ExportedFile,
  type ExportRunOptions,
  type ExportTarget,
  type RunExport,
} from './runs/export-run.ts';
export { planFix, startFix, type FixPlan, type FixPlanOptions, type FixSettings } from './runs/fix.ts';
export type { Before, ClassScore } from './runs/fix-measure.ts';
export { finishFix, type FixedRun } from './runs/fix-result.ts';
export type { Original } from './runs/original.ts';
export type { SlotChoice } from './runs/grow-choose.ts';
export {
  planGrowth,
  writeGrowth,
  type NewScores,
  type OldScores,
  type Growth,
  type GrowOptions,
  type GrowSettings,
} from './runs/grow.ts';
export { startGrowth, type GrowRunSettings, type GrownRun } from './runs/grow-run.ts';
export {
  planReproduction,
  reproduce,
  type PlannedRow,
  type Reproduction,
  type ReproductionPlan,
  type ReproduceOptions,
  type ReproduceSettings,
} from './runs/reproduce.ts';
export type { PublishedRow } from './runs/reproduce-rows.ts';
export type { RowCounts } from './runs/reproduce-row.ts';
export type { DataPlaces, RowData } from './runs/reproduce-data.ts';
export type {
  Counted,
  MissingData,
  ReachedAccuracy,
  ReproducedRow,
  ReproductionDocument,
  RowState,
} from './report/reproduce-document.ts';
export { pixelNames, type PixelChoice, type PixelName } from './runs/pixels.ts';
export { readModel } from './runs/read-model.ts';
export type { NodeCost } from './runs/graph-cost.ts';
export { inspectHead, inspectModel, inspectPath, type Inspection, type RunInspectionOptions } from './runs/inspect.ts';
export {
  imageFiles,
  predictImages,
  type ClassProbability,
  type Prediction,
  type PredictOptions,
  type Predictions,
} from './runs/predict.ts';
export { resumeTraining, startTraining, type RunOptions, type TrainedRun } from './runs/training-run.ts';

export {
  resumeLanguageComparison,
  startLanguageComparison,
  type LanguageCompareOptions,
  type LanguageComparison,
} from './runs/language-compare.ts';
export type {
  CorpusChoice,
  LanguageCompareSettings,
  LanguageConfig,
  LanguageSettings,
  StoredVectorChoice,
} from './runs/language-config.ts';
export { exportLanguageModel, type LanguageExports, type TrainedLanguageModel } from './runs/language-export.ts';
export {
  resumeLanguageRun,
  startLanguageRun,
  type CorpusOpening,
  type LanguageRun,
  type LanguageRunOptions,
  type LanguageScores,
} from './runs/language-run.ts';
export {
  evaluateLanguageModel,
  exportLanguageRun,
  openLanguageModel,
  type LanguageEvaluation,
  type LanguageExport,
  type StoredLanguageModel,
} from './runs/language-stored.ts';
export {
  embeddingKinds,
  languageModelOf,
  unigramBias,
  type EmbeddingKind,
  type GivenVectors,
  type LanguageModelSizes,
  type VectorChoice,
} from './runs/language-tables.ts';
export type { VectorOptions, VectorsByKind } from './runs/language-vectors.ts';
export { generateText, type Generated, type GenerateOptions } from './runs/generate.ts';
