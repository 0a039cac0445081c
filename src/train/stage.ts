import type { HostTensor } from '../core/tensor.ts';
import type { Batch } from '../data/dataset.ts';
import { codesName, codesTensor, modelWithStoredCodes } from '../heads/assignment/codes.ts';
import type { Model } from '../heads/model.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Recipe } from './recipe.ts';
import { openStepRunner, type LoweringChoice, type StepResult, type StepRunner } from './step-runner.ts';
import { initialTensors } from './step-program.ts';
import { trainingProgram, type Teacher } from './training-program.ts';

/** A training step that can go on with another model of the same parameters: the same one, its classes on other vectors. */
export interface Stage extends AsyncDisposable {
  readonly lowering: StepRunner['lowering']['kind'];
  readonly model: () => Model;
  readonly step: (batch: Batch, step: number, learningRate: number) => Promise<StepResult>;
  /** All tensors by checkpoint key, the slots of assigned classes among them. */
  readonly tensors: () => Promise<ReadonlyMap<string, HostTensor>>;
  /** Compiles the step again for that model and goes on from the present tensors. */
  readonly continueWith: (model: Model) => Promise<void>;
}

/** What a stage needs to know about a training. */
export interface StageOptions {
  readonly runtime: Runtime;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly lowering?: LoweringChoice;
  readonly teacher?: Teacher;
}

/** Compiles the training step of a model and starts it from `tensors`, or from initial values where there are none yet. */
export async function openStage(
  { runtime, recipe, seed, lowering, teacher }: StageOptions,
  first: Model,
  tensors: ReadonlyMap<string, HostTensor> | undefined,
): Promise<Stage> {
  const open = (model: Model, from: ReadonlyMap<string, HostTensor> | undefined): Promise<StepRunner> => {
    const program = trainingProgram(model, { ...recipe, ...(teacher === undefined ? {} : { teacher }) });
    return openStepRunner(runtime, program, model.image, from ?? initialTensors(program, seed), lowering, seed);
  };
  let model = tensors === undefined ? first : modelWithStoredCodes(first, tensors);
  let runner = await open(model, tensors);

  const current = async (): Promise<ReadonlyMap<string, HostTensor>> => {
    const codes = codesTensor(model);
    const trained = await runner.tensors();
    return codes === undefined ? trained : new Map([...trained, [codesName, codes]]);
  };
  return Object.freeze({
    lowering: runner.lowering.kind,
    model: () => model,
    step: (batch: Batch, step: number, learningRate: number) => runner.step(batch, step, learningRate),
    tensors: current,
    continueWith: async (next: Model) => {
      if (next === model) return;
      const before = runner;
      runner = await open(next, await before.tensors());
      model = next;
      await before[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  });
}
