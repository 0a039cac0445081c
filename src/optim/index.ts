export { clipByGlobalNorm } from './clip.ts';
export {
  adam,
  adamw,
  applyOptimizer,
  sgd,
  slotNames,
  stepScalars,
  type AdamOptions,
  type OptimizerSpec,
  type Update,
  type UpdateRequest,
} from './optimizer.ts';
export {
  constantSchedule,
  cosineSchedule,
  learningRateAt,
  scheduleKinds,
  stepSchedule,
  type ScheduleSpec,
  type TrainingLength,
} from './schedule.ts';
