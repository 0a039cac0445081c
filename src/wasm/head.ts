import { inputError, usageError } from '../core/errors.ts';
import { configure } from './configure.ts';
import { lengthOf, resolveDescription, type HeadDescription } from './description.ts';
import { compileModule, compileModuleSync, instantiate, type HeadExports } from './instance.ts';
import { ensureMemory } from './memory.ts';

/** The best classes of each row, `[batch, k]`, best first; of equal logits the lower class comes first. */
export interface TopClasses {
  readonly classes: Uint32Array;
  readonly logits: Float32Array;
}

/** An open head with a memory of its own, until it is disposed of. */
export interface WasmHead extends Disposable {
  readonly features: number;
  readonly classes: number;
  /**
   * The k classes of the largest logits of features `[batch, features]`, 1 ≤ k ≤ classes. The logits of other classes are not kept.
   *
   * @throws a usage error for a wrong length, k or use after `dispose`; an input error where ‖x‖² of a row is not finite in float32.
   */
  readonly topK: (features: Float32Array, k: number) => TopClasses;
  /**
   * The logits `[batch, classes]` of features `[batch, features]`, in `out` if it is given.
   *
   * @throws as `topK`, and for an `out` of a wrong length. Rows before the bad one may be in `out` already.
   */
  readonly logits: (features: Float32Array, out?: Float32Array) => Float32Array;
  /** Lets go of the memory. Twice is once. */
  readonly dispose: () => void;
}

/** Rows are handed over in parts of about this size, so that the memory of a head does not depend on the batch. */
const PART_BYTES = 2 ** 20;

/**
 * Opens a head: checks the description, generates its diagonals and compiles the module on first use.
 *
 * @throws a usage error for a description that is not possible, an input error where memory does not suffice.
 */
export async function openHead(description: HeadDescription): Promise<WasmHead> {
  const resolved = resolveDescription(description);
  return createHead(instantiate(await compileModule()), resolved);
}

/** `openHead` without waiting. Browsers before 2023 refuse to compile synchronously on a page's main thread. */
export function openHeadSync(description: HeadDescription): WasmHead {
  const resolved = resolveDescription(description);
  return createHead(instantiate(compileModuleSync()), resolved);
}

function createHead(opened: HeadExports, resolved: ReturnType<typeof resolveDescription>): WasmHead {
  const { features: length, classes } = resolved;
  const base = configure(opened, resolved);
  let instance: HeadExports | undefined = opened;

  /** The number of rows, of features that are as they should be. */
  const batchOf = (features: Float32Array): number => {
    if (instance === undefined) throw usageError('the head was disposed of', { hint: 'open it again' });
    if (features instanceof Float32Array && features.length > 0 && features.length % length === 0)
      return features.length / length;
    throw usageError('wrong length', {
      where: 'features',
      expected: `a Float32Array of a multiple of ${length}: [batch, ${length}]`,
      received: lengthOf(features),
    });
  };

  /** Runs `part` over parts of the rows: copies features in, and makes room for `results` bytes a row behind them. */
  const run = (
    features: Float32Array,
    results: number,
    part: (first: number, count: number, out: number) => number,
  ): void => {
    const batch = features.length / length;
    const rows = Math.min(batch, Math.max(1, Math.floor(PART_BYTES / (4 * length + results))));
    const out = base + Math.ceil((4 * length * rows) / 16) * 16;
    ensureMemory(opened, out + rows * results);
    const x = new Float32Array(opened.memory.buffer, base, rows * length);
    for (let first = 0; first < batch; first += rows) {
      const count = Math.min(rows, batch - first);
      x.set(count === batch ? features : features.subarray(first * length, (first + count) * length));
      const bad = part(first, count, out);
      if (bad < 0) continue;
      throw inputError('the squares of a row of features do not have a finite sum in float32', {
        where: `features, row ${first + bad}`,
        hint: 'look for NaN, infinite or huge values',
      });
    }
  };

  const topK = (features: Float32Array, k: number): TopClasses => {
    const batch = batchOf(features);
    if (!Number.isInteger(k) || k < 1 || k > classes)
      throw usageError('not a possible k', { expected: `an integer from 1 to ${classes}`, received: String(k) });
    const found = { classes: new Uint32Array(batch * k), logits: new Float32Array(batch * k) };
    run(features, 8 * k, (first, count, out) => {
      const values = out + 4 * count * k;
      const bad = opened.topK(count, k, base, out, values);
      found.classes.set(new Uint32Array(opened.memory.buffer, out, count * k), first * k);
      found.logits.set(new Float32Array(opened.memory.buffer, values, count * k), first * k);
      return bad;
    });
    return found;
  };

  const logits = (features: Float32Array, given?: Float32Array): Float32Array => {
    const size = batchOf(features) * classes;
    const all = given ?? new Float32Array(size);
    if (!(all instanceof Float32Array) || all.length !== size)
      throw usageError('wrong length', {
        where: 'out',
        expected: `a Float32Array of ${size}: [batch, ${classes}]`,
        received: lengthOf(all),
      });
    run(features, 4 * classes, (first, count, out) => {
      const bad = opened.logits(count, base, out);
      if (bad < 0) all.set(new Float32Array(opened.memory.buffer, out, count * classes), first * classes);
      return bad;
    });
    return all;
  };

  const dispose = (): void => {
    instance = undefined;
  };
  return Object.freeze({ features: length, classes, topK, logits, dispose, [Symbol.dispose]: dispose });
}
