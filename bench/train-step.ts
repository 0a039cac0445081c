import { internalError } from '../src/core/errors.ts';
import { sgd } from '../src/optim/index.ts';
import type { TrainingProgram } from '../src/train/step-program.ts';
import { trainingProgram } from '../src/train/training-program.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { isMissing, openOurs, openPython, type Contender, type Missing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { peakMultiplyAdds } from './floor.ts';
import { compareRounds, ratioOf } from './statistics.ts';
import { modelFor, stepModel, type StepModel } from './step-models.ts';

export interface TrainStepOptions {
  readonly models: readonly string[];
  /** Images in a batch, and their height and width; without them what is usual for each model. */
  readonly batch: number | undefined;
  readonly image: number | undefined;
  /** Counted steps of each contender; without them what suits each model. */
  readonly steps: number | undefined;
  readonly warmup: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
  /** Size of the MatMul that the floor is measured with. */
  readonly matmul: number;
  /** Whether ours computes activations again in the backward pass instead of keeping them. */
  readonly checkpoint: boolean;
}

const LOWERINGS = ['blocked', 'portable'] as const;
const LAYOUTS = ['NCHW', 'channels_last'] as const;

/** The models asked for, with what the options say in place of what is usual. */
export function settingsOf({
  models,
  batch,
  image,
  steps,
}: Pick<TrainStepOptions, 'models' | 'batch' | 'image' | 'steps'>) {
  return models.map(stepModel).map((model): StepModel => ({
    ...model,
    batch: batch ?? model.batch,
    image: image ?? model.image,
    steps: steps ?? model.steps,
  }));
}

/**
 * How long a whole training step takes (forward, backward, SGD with momentum and weight decay, running statistics) and how much
 * memory the process has needed at its peak, against PyTorch on the same CPU with as many threads.
 *
 * The floor is the step's multiply-adds at the rate of a large MatMul in the same runtime.
 */
export async function benchTrainStep(options: TrainStepOptions, progress: Progress): Promise<Measured> {
  // All graphs are built before anything is timed, so that a wrong name is not found after minutes.
  const models = settingsOf(options).map((model) => ({ model, work: multiplyAdds(stepProgram(model).graph) }));
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(options.threads, options.matmul);
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const { model, work } of models) rows.push(...(await benchModel(model, work / peak, options, peers, progress)));
  return { rows, peers };
}

/** The step that is timed. */
export function stepProgram(model: StepModel): TrainingProgram {
  return trainingProgram(modelFor(model), {
    batchSize: model.batch,
    optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
    labelSmoothing: 0,
    clipNorm: null,
  });
}

async function benchModel(
  { name: model, batch, image, classes, steps, portable }: StepModel,
  floor: number,
  { threads, interpreters, warmup, checkpoint }: TrainStepOptions,
  peers: Record<string, string>,
  progress: Progress,
): Promise<readonly Row[]> {
  const shared = { model, batch, image, threads, classes };
  progress(`${model}: building`);
  const lowerings = LOWERINGS.filter((lowering) => portable || lowering === 'blocked');
  const openers = [
    ...lowerings.map(
      (lowering) => () => openOurs(lowering, 'train-step.ts', { ...shared, lowering, checkpoint: Number(checkpoint) }),
    ),
    ...LAYOUTS.map(
      (layout) => () => openPython(`PyTorch ${layout}`, 'train_step.py', { ...shared, layout }, interpreters),
    ),
  ];
  return withContenders(openers, async (contenders) => {
    expectSameModel(contenders);
    progress(`${model}: ${warmup} + ${steps} steps of each`);
    const times = await alternate(contenders, { warmup, rounds: steps, calls: 1 }, progress);
    const memory = new Map<string, number>();
    for (const one of contenders) if (!isMissing(one)) memory.set(one.name, await one.peakMegabytes());
    return contenders.slice(0, lowerings.length).flatMap((own) =>
      contenders.slice(lowerings.length).map((peer) => {
        if (!isMissing(peer)) peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
        const kept = checkpoint ? ', activations computed again' : '';
        return rowOf(`${model}, batch ${batch}, ${own.name}${kept}`, own, peer, times, memory, floor);
      }),
    );
  });
}

/** A peer with another network would make the ratio worthless. */
export function expectSameModel(contenders: readonly (Contender | Missing)[]): void {
  const counts = new Set(contenders.flatMap((one) => (isMissing(one) ? [] : [one.facts['parameters']])));
  if (counts.size > 1)
    throw internalError('the contenders train different networks', {
      received: `${[...counts].join(', ')} parameters`,
    });
}

/** One contender of ours beside one peer. */
export function rowOf(
  name: string,
  own: Contender | Missing,
  peer: Contender | Missing,
  times: ReadonlyMap<string, readonly number[]>,
  memory: ReadonlyMap<string, number>,
  floor: number,
): Row {
  const compared = compareRounds(times.get(own.name) ?? [], times.get(peer.name) ?? []);
  const oursMegabytes = memory.get(own.name) ?? null;
  const peerMegabytes = memory.get(peer.name) ?? null;
  const notes = [own, peer].flatMap((one) => (isMissing(one) ? [one.missing] : []));
  return {
    case: name,
    peerName: peer.name,
    unit: 'ms',
    ...compared,
    floor,
    oursOverFloor: ratioOf(compared.ours, floor),
    oursMegabytes,
    peerMegabytes,
    memoryRatio: ratioOf(oursMegabytes, peerMegabytes),
    ...(notes.length === 0 ? {} : { note: notes.join('; ') }),
  };
}
