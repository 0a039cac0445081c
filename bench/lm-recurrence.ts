import { internalError } from '../src/core/errors.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { isMissing, openOurs, openPython, type Contender, type Missing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { peakMultiplyAdds } from './floor.ts';
import { unrolledGraph, type RecurrencePart } from './recurrence-graphs.ts';
import { rowOf } from './train-step.ts';

export interface LmRecurrenceOptions {
  /** Sizes of the state. */
  readonly hidden: readonly number[];
  readonly layers: number;
  /** Steps of a window. */
  readonly window: number;
  readonly batch: number;
  readonly rounds: number;
  readonly warmup: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
  /** Size of the MatMul that the floor is measured with. */
  readonly matmul: number;
}

const UNROLLED = 'unrolled';

/** Who stands beside the unrolled graph: the same without merged products, Scan, and forward ONNX's own LSTM. */
const others = {
  forward: { Scan: 'Scan', 'LSTM operator': 'operator' },
  step: { 'unrolled, each product added': 'unmerged', Scan: 'Scan' },
} as const satisfies Record<RecurrencePart, Readonly<Record<string, string>>>;

/**
 * How long the recurrence of a language model takes, without its classifier: unrolled as fixhead trains it, as ONNX's Scan (the
 * backward one written by hand), as ONNX's LSTM operator (forward only), and in PyTorch. `forward` gives the outputs of all
 * steps, `step` also the gradients of the input and all weights.
 */
export async function benchLmRecurrence(options: LmRecurrenceOptions, progress: Progress): Promise<Measured> {
  const { hidden, layers, window, batch, threads, interpreters, rounds, warmup, matmul } = options;
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(threads, matmul);
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const size of hidden) {
    for (const part of ['forward', 'step'] as const) {
      const sizes = { steps: window, batch, hidden: size, layers };
      const floor = multiplyAdds(unrolledGraph(sizes, part)) / peak;
      const name = `${layers} × ${size}, ${window} steps, batch ${batch}, ${part}`;
      progress(`${name}: ${warmup} + ${rounds} of each`);
      const forms = { [UNROLLED]: 'unrolled', ...others[part] };
      const openers = [
        ...Object.entries(forms).map(
          ([title, form]) =>
            () =>
              openOurs(title, 'lm-recurrence.ts', { form, part, threads, ...sizes }),
        ),
        () => openPython('PyTorch nn.LSTM', 'lm_recurrence.py', { part, threads, ...sizes }, interpreters),
      ];
      rows.push(
        ...(await withContenders(openers, async (contenders) => {
          expectSameResults(contenders);
          const times = await alternate(contenders, { warmup, rounds, calls: 1 }, progress);
          const memory = new Map<string, number>();
          for (const one of contenders) if (!isMissing(one)) memory.set(one.name, await one.peakMegabytes());
          const [own, ...rest] = contenders;
          if (own === undefined) throw internalError('a contender of ours');
          return rest.map((peer) => {
            if (!isMissing(peer) && peer.name.startsWith('PyTorch'))
              peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
            return rowOf(name, own, peer, times, memory, floor);
          });
        })),
      );
    }
  }
  return { rows, peers };
}

/** Sums of all results, which contenders in ONNX Runtime tell: one that computes something else would make the ratio worthless. */
function expectSameResults(contenders: readonly (Contender | Missing)[]): void {
  const results = contenders.flatMap((one) => (isMissing(one) ? [] : (one.facts['results'] ?? [])));
  const numbers = results.map((text) => text.split(', ').map((part) => Number(part.split(' ').at(-1))));
  const [first = [], ...rest] = numbers;
  const close = rest.every((each) => each.every((value, i) => Math.abs(value / (first[i] ?? NaN) - 1) < 1e-2));
  if (!close) throw internalError('the contenders compute different results', { received: results.join(' | ') });
}
