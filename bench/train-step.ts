import { internalError, usageError } from '../src/core/errors.ts';
import { createModel, headSpec } from '../src/heads/index.ts';
import { createBackbone } from '../src/models/index.ts';
import { sgd } from '../src/optim/index.ts';
import { trainingProgram } from '../src/train/training-program.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { isMissing, openOurs, openPython, type Contender, type Missing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { peakMultiplyAdds } from './floor.ts';
import { compareRounds, ratioOf } from './statistics.ts';

export interface TrainStepOptions {
  readonly models: readonly string[];
  readonly batch: number;
  /** Height and width of the images, which have 3 channels. */
  readonly image: number;
  readonly steps: number;
  readonly warmup: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
  /** Size of the MatMul that the floor is measured with. */
  readonly matmul: number;
}

const CLASSES = 10;
const LOWERINGS = ['blocked', 'portable'] as const;
const LAYOUTS = ['NCHW', 'channels_last'] as const;

/**
 * How long a whole training step takes (forward, backward, SGD with momentum and weight decay, running statistics) and how much
 * memory the process has needed at its peak, against PyTorch on the same CPU with as many threads.
 *
 * The floor is the step's multiply-adds at the rate of a large MatMul in the same runtime.
 */
export async function benchTrainStep(options: TrainStepOptions, progress: Progress): Promise<Measured> {
  for (const model of options.models) {
    if (!/^resnet\d+$/.test(model))
      throw usageError('the peers know the CIFAR ResNets only', { received: model, legal: ['resnet20', 'resnet56'] });
  }
  // All graphs are built before anything is timed, so that a wrong name is not found after minutes.
  const work = options.models.map((model) => stepMultiplyAdds(model, options));
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(options.threads, options.matmul);
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const [index, model] of options.models.entries()) {
    const floor = (work[index] ?? 0) / peak;
    rows.push(...(await benchModel(model, floor, options, peers, progress)));
  }
  return { rows, peers };
}

function stepMultiplyAdds(name: string, { batch, image }: TrainStepOptions): number {
  const backbone = createBackbone(name, { channels: 3, height: image, width: image });
  const model = createModel(backbone, headSpec('learned'), CLASSES);
  const choice = { batchSize: batch, optimizer: sgd(), labelSmoothing: 0, clipNorm: null };
  return multiplyAdds(trainingProgram(model, choice).graph);
}

async function benchModel(
  model: string,
  floor: number,
  options: TrainStepOptions,
  peers: Record<string, string>,
  progress: Progress,
): Promise<readonly Row[]> {
  const { batch, image, threads, interpreters } = options;
  const shared = { model, batch, image, threads, classes: CLASSES };
  progress(`${model}: building`);
  const openers = [
    ...LOWERINGS.map((lowering) => () => openOurs(lowering, 'train-step.ts', { ...shared, lowering })),
    ...LAYOUTS.map(
      (layout) => () => openPython(`PyTorch ${layout}`, 'train_step.py', { ...shared, layout }, interpreters),
    ),
  ];
  return withContenders(openers, async (contenders) => {
    expectSameModel(contenders);
    progress(`${model}: ${options.warmup} + ${options.steps} steps of each`);
    const rounds = { warmup: options.warmup, rounds: options.steps, calls: 1 };
    const times = await alternate(contenders, rounds, progress);
    const memory = new Map<string, number>();
    for (const one of contenders) if (!isMissing(one)) memory.set(one.name, await one.peakMegabytes());
    const ours = contenders.slice(0, LOWERINGS.length);
    return ours.flatMap((own) =>
      contenders.slice(LOWERINGS.length).map((peer) => {
        if (!isMissing(peer)) peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
        return rowOf(`${model}, batch ${batch}, ${own.name}`, own, peer, times, memory, floor);
      }),
    );
  });
}

/** A peer with another network would make the ratio worthless. */
function expectSameModel(contenders: readonly (Contender | Missing)[]): void {
  const counts = new Set(contenders.flatMap((one) => (isMissing(one) ? [] : [one.facts['parameters']])));
  if (counts.size > 1)
    throw internalError('the contenders train different networks', {
      received: `${[...counts].join(', ')} parameters`,
    });
}

function rowOf(
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
