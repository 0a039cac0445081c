import { alternate, withContenders } from './alternate.ts';
import { openOurs } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { copyMilliseconds } from './floor.ts';
import { compareRounds, ratioOf } from './statistics.ts';

export interface DataBenchOptions {
  readonly batch: number;
  /** Height and width of the images, which have 3 channels. */
  readonly image: number;
  readonly rounds: number;
  readonly calls: number;
}

/** Lengths of the training step that the batches are prepared beside; 0 asks for the next batch at once. */
const STEPS_MILLISECONDS = [0, 100];
const OURS = 'one worker thread';
const PEER = 'on the calling thread';
const FLOAT_BYTES = 4;

/**
 * How long a training step waits for its batch (crop, mirror, normalisation) when a worker thread prepares it ahead, against
 * preparing it when it is asked for. With steps of 0 ms it is the time that a batch takes; with longer ones, what the user waits.
 *
 * The floor is a copy of the batch in memory.
 */
export async function benchData(options: DataBenchOptions, progress: Progress): Promise<Measured> {
  const floor = copyMilliseconds(FLOAT_BYTES * options.batch * 3 * options.image ** 2);
  const rows: Row[] = [];
  for (const step of STEPS_MILLISECONDS) rows.push(await benchSteps(step, floor, options, progress));
  return { rows, peers: {} };
}

async function benchSteps(
  step: number,
  floor: number,
  { batch, image, rounds, calls }: DataBenchOptions,
  progress: Progress,
): Promise<Row> {
  const shared = { batch, image, step };
  const name = `3×${image}×${image}, batch ${batch}, steps of ${step} ms`;
  progress(`${name}: ${rounds} rounds of ${calls} batches`);
  const openers = [
    () => openOurs(OURS, 'data.ts', { ...shared, workers: 1 }),
    () => openOurs(PEER, 'data.ts', { ...shared, workers: 0 }),
  ];
  return withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup: 1, rounds, calls, allCalls: true }, progress);
    const compared = compareRounds(times.get(OURS) ?? [], times.get(PEER) ?? []);
    return {
      case: name,
      peerName: PEER,
      unit: 'ms',
      ...compared,
      floor,
      oursOverFloor: ratioOf(compared.ours, floor),
    };
  });
}
