import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing, type Contender, type Missing } from './contender.ts';
import type { Progress } from './document.ts';
import { median } from './statistics.ts';

export interface Rounds {
  /** Rounds that are run and not counted. */
  readonly warmup: number;
  readonly rounds: number;
  /** Calls of each contender in a round, fewer of a slow one; the round counts their median. */
  readonly calls: number;
  /** Whether a slow contender is called as often as the others. */
  readonly allCalls?: boolean;
}

const present = (contenders: readonly (Contender | Missing)[]): readonly Contender[] =>
  contenders.filter((one): one is Contender => !isMissing(one));

/** Long enough for the last contender's threads to stop spinning and leave the cores to the next. */
const PAUSE_MILLISECONDS = 10;
/** A contender's part of a round takes about this long at most, or one call. */
const TURN_MILLISECONDS = 50;

/**
 * Milliseconds of each contender, by name, one for each round. In a round every contender runs once, and each round starts with
 * another one: what else the machine does in that time meets all of them alike.
 */
export async function alternate(
  contenders: readonly (Contender | Missing)[],
  { warmup, rounds, calls, allCalls = false }: Rounds,
  progress: Progress,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const running = present(contenders);
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const callsOf = new Map<string, number>();
  for (const contender of running) {
    // The first call also sets things up.
    const time = calls === 1 || allCalls ? 0 : ((await contender.run(2))[1] ?? 0);
    callsOf.set(contender.name, Math.max(1, Math.min(calls, Math.floor(TURN_MILLISECONDS / time))));
  }
  for (let round = -warmup; round < rounds; round++) {
    const first = (round + warmup) % Math.max(1, running.length);
    for (const contender of [...running.slice(first), ...running.slice(0, first)]) {
      await sleep(PAUSE_MILLISECONDS);
      const time = median(await contender.run(callsOf.get(contender.name) ?? 1));
      if (round >= 0 && time !== null) times.get(contender.name)?.push(time);
    }
    if (round === -1) progress('  warmed up');
  }
  return times;
}

/** Opens contenders one after another, runs `body` with them and ends them, whatever happens. */
export async function withContenders<T>(
  openers: readonly (() => Promise<Contender | Missing>)[],
  body: (contenders: readonly (Contender | Missing)[]) => Promise<T>,
): Promise<T> {
  const opened: (Contender | Missing)[] = [];
  try {
    for (const opener of openers) opened.push(await opener());
    return await body(opened);
  } finally {
    await Promise.all(present(opened).map((contender) => contender[Symbol.asyncDispose]()));
  }
}
