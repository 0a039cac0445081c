import { defined } from '../src/core/errors.ts';
import type { SoftmaxSpec } from '../src/heads/softmax.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { isMissing, openOurs, openPython, type Contender, type Missing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { peakMultiplyAdds } from './floor.ts';
import { headStepGraph } from './head-step.ts';
import { compareRounds, ratioOf } from './statistics.ts';

export interface MillionOptions {
  readonly classes: number;
  readonly features: number;
  readonly batch: number;
  readonly rounds: number;
  /** Rounds beside PyTorch's Linear, which takes a minute a step where PyTorch has no fast matrix library. */
  readonly peerRounds: number;
  readonly warmup: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
  /** Size of the MatMul that the floor is measured with. */
  readonly matmul: number;
  /** What a learned head may take for weights, gradient, momentum and logits, in MB (10⁶ bytes). */
  readonly budget: number;
  /** Bases of the sampled softmax. */
  readonly bases: number;
}

const FLOAT_BYTES = 4;
const MEGABYTE = 1e6;
/** Weights, gradient and momentum. */
const MATRICES = 3;
/** Logits and their gradient. */
const LOGITS = 2;

/** Bytes for each class of a learned head. */
const bytesPerClass = ({ features, batch }: MillionOptions): number =>
  FLOAT_BYTES * (MATRICES * features + LOGITS * batch);

/**
 * A training step of a classifier of very many classes alone (loss, gradient to the features, SGD with momentum for what it trains), and
 * the peak memory of the process: the Hadamard head's exact streaming softmax, and its sampled one. Beside it
 *
 * - what a learned head of as many classes would need in memory (computed, not run);
 * - PyTorch's Linear with cross-entropy, forward, backward and SGD with momentum, at as many classes as fit into a stated budget, by
 *   its matrix library and as a 1×1 convolution by oneDNN, and our head at that size.
 *
 * The floor is the multiply-adds of our own products at the rate of a large MatMul in the same runtime.
 */
export async function benchMillion(options: MillionOptions, progress: Progress): Promise<Measured> {
  const { classes, features, batch, bases, budget, threads, matmul, rounds, peerRounds } = options;
  const fitting = Math.min(classes, Math.floor((budget * MEGABYTE) / bytesPerClass(options)));
  const stepOf = (count: number, softmax: SoftmaxSpec): number =>
    multiplyAdds(headStepGraph({ features, classes: count, batch, softmax }).graph);
  // Built before anything is timed, so that classes without room are not found after minutes.
  const work = {
    streaming: stepOf(classes, { kind: 'streaming' }),
    sampled: stepOf(classes, { kind: 'sampled', bases }),
    fitting: stepOf(fitting, { kind: 'streaming' }),
  };
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(threads, matmul);
  const floors = { streaming: work.streaming / peak, sampled: work.sampled / peak };
  const own = await ownRows(options, floors, progress);
  const peers: Record<string, string> = {};
  const beside = (library: Library, count: number): Promise<Row> =>
    peerRow(options, { classes: fitting, library, rounds: count, floor: work.fitting / peak }, peers, progress);
  return { rows: [...own, await beside('oneDNN', rounds), await beside('BLAS', peerRounds)], peers };
}

type Library = 'oneDNN' | 'BLAS';
const peerNames = { oneDNN: 'PyTorch 1×1 convolution, oneDNN', BLAS: 'PyTorch Linear' } as const satisfies Record<
  Library,
  string
>;

const openHead = (
  name: string,
  { features, batch, threads, bases }: MillionOptions,
  classes: number,
  softmax: 'streaming' | 'sampled',
) => openOurs(name, 'million.ts', { features, classes, batch, threads, softmax, bases, bias: 'off' });

const megabytesOf = async (one: Contender | Missing): Promise<number | null> =>
  isMissing(one) ? null : one.peakMegabytes();

/** The exact and the sampled softmax beside what a learned head would need. */
async function ownRows(
  options: MillionOptions,
  floors: Readonly<Record<'streaming' | 'sampled', number>>,
  progress: Progress,
): Promise<readonly Row[]> {
  const { classes, features, batch, rounds, warmup, bases } = options;
  const kinds = ['streaming', 'sampled'] as const;
  const openers = kinds.map((kind) => () => openHead(kind, options, classes, kind));
  progress(`${classes} classes: ${warmup} + ${rounds} steps of each`);
  return withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup, rounds, calls: 1 }, progress);
    const needed = (bytesPerClass(options) * classes) / MEGABYTE;
    const rows: Row[] = [];
    for (const [index, kind] of kinds.entries()) {
      const one = defined(contenders[index], kind);
      const compared = compareRounds(times.get(kind) ?? [], []);
      const exact = kind === 'streaming';
      const oursMegabytes = await megabytesOf(one);
      rows.push({
        case: `${classes} × ${features}, batch ${batch}, ${exact ? 'exact' : `${bases} sampled bases (an estimate)`}`,
        peerName: 'learned head',
        unit: 'ms',
        ...compared,
        floor: floors[kind],
        oursOverFloor: ratioOf(compared.ours, floors[kind]),
        oursMegabytes,
        peerMegabytes: needed,
        memoryRatio: ratioOf(oursMegabytes, needed),
        note: 'not run, memory computed',
      });
    }
    return rows;
  });
}

/** Our exact step beside PyTorch's, at a size that a learned head has room for. */
async function peerRow(
  options: MillionOptions,
  { classes, library, rounds, floor }: { classes: number; library: Library; rounds: number; floor: number },
  peers: Record<string, string>,
  progress: Progress,
): Promise<Row> {
  const { features, batch, threads, interpreters, warmup } = options;
  const name = peerNames[library];
  progress(`${classes} classes beside ${name}: ${rounds} rounds`);
  const openers = [
    () => openHead('streaming', options, classes, 'streaming'),
    () => openPython(name, 'linear_step.py', { features, classes, batch, threads, library }, interpreters),
  ];
  return withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup: library === 'BLAS' ? 0 : warmup, rounds, calls: 1 }, progress);
    const [own, peer] = contenders;
    const compared = compareRounds(times.get('streaming') ?? [], times.get(name) ?? []);
    const oursMegabytes = own === undefined ? null : await megabytesOf(own);
    const peerMegabytes = peer === undefined ? null : await megabytesOf(peer);
    if (peer !== undefined && !isMissing(peer)) peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
    return {
      case: `${classes} × ${features}, batch ${batch}, exact`,
      peerName: name,
      unit: 'ms',
      ...compared,
      floor,
      oursOverFloor: ratioOf(compared.ours, floor),
      oursMegabytes,
      peerMegabytes,
      memoryRatio: ratioOf(oursMegabytes, peerMegabytes),
      ...(peer !== undefined && isMissing(peer) ? { note: peer.missing } : {}),
    };
  });
}
