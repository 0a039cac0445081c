import { usageError } from '../../core/errors.ts';
import { identity, solveByAuction, solveExactly, type Solution } from './solve.ts';

/** Which class vector should each class have? */
export interface AssignmentRequest {
  /** Number of classes C ≥ 1. */
  readonly classes: number;
  /** Number of available class vectors S ≥ C. Class i has class vector i now. */
  readonly slots: number;
  /**
   * The benefits ⟨mean of class i, class vector s⟩ of classes first … first + count − 1 against all slots,
   * `[count, S]` row-major. Asked for in blocks of at most 2²² numbers (or one row), so that `[C, S]` is never held, and
   * for some classes more than once: the same question must get the same answer.
   */
  readonly benefits: (first: number, count: number) => Float32Array | Promise<Float32Array>;
  /** Called now and then, from the calling thread. */
  readonly onProgress?: (progress: AssignmentProgress) => void;
}

/** First every class is compared with every slot (`comparing`), then classes settle on slots (`matching`). */
export interface AssignmentProgress {
  readonly stage: 'comparing' | 'matching';
  /** Classes compared or settled. */
  readonly done: number;
  readonly total: number;
}

/** A slot for every class. Benefits are means per class, in the units of the benefits (cosines, for unit vectors). */
export interface Assignment {
  /** The slot of each class, all different. */
  readonly slots: Uint32Array;
  /** Mean benefit with class i on slot i. */
  readonly before: number;
  /** Mean benefit with these slots: never below `before`. */
  readonly after: number;
  /** Whether the mean benefit is the greatest possible, up to float64 rounding. */
  readonly exact: boolean;
  /** No assignment has a mean benefit above `after + gap`: 0 where exact, else certified by prices (a dual solution). */
  readonly gap: number;
}

/**
 * Benefits, C × S, up to which the exact solver is used: about a second for 1024 classes and 2048 slots. At twice the
 * classes it takes some ten times as long and gains less than 10⁻⁴ of mean benefit over the auction's tenth of a second.
 */
const EXACT_LIMIT = 2 ** 21;

/**
 * Assigns classes to class vectors so that the total benefit is (nearly) the greatest possible.
 *
 * Up to C·S = 2²¹ exactly, by shortest augmenting paths; beyond by an auction over each class's best candidates, whose
 * distance from the optimum is certified in `gap` (5·10⁻⁵ of the range of the benefits, unless very many classes are
 * nearly equal). Deterministic: the same request gets the same result.
 * Classes whose benefits are all equal (those without samples) take what is left: their own slot where it is free, else
 * the lowest free one. If nothing better than class i on slot i is found, that is the result.
 *
 * Memory besides one block of benefits (16 MB, or one row): exact some copies of at most 2²¹ float64; else 8 bytes a
 * candidate (at most 2²⁴, or 384 a class where that is more), 12 bytes a slot and 50 bytes a class.
 *
 * @throws a usage error where S < C or a size is not a positive integer, or a block has the wrong length; an input error
 * that names the class where a benefit is NaN or infinite
 */
export async function assignSlots(request: AssignmentRequest): Promise<Assignment> {
  checkSizes(request);
  const { classes, slots } = request;
  const solution = classes * slots <= EXACT_LIMIT ? await solveExactly(request) : await solveByAuction(request);
  const before = sum(solution.own) / classes;
  const reached = solution.total / classes;
  const after = Math.max(before, reached);
  const exact = solution.limit === solution.total;
  return Object.freeze({
    slots: reached > before ? complete(solution, slots) : identity(classes),
    before,
    after,
    exact,
    gap: Math.max(0, solution.limit / classes - after),
  });
}

/** All slots: classes without a preference get their own slot where it is free, the others the lowest free slots. */
function complete({ slotOf, indifferent }: Solution, slots: number): Uint32Array {
  const complete = Uint32Array.from(slotOf);
  const taken = new Uint8Array(slots);
  for (const slot of slotOf) if (slot >= 0) taken[slot] = 1;
  const moved: number[] = [];
  for (const classIndex of indifferent) {
    if (taken[classIndex] === 1) moved.push(classIndex);
    else {
      complete[classIndex] = classIndex;
      taken[classIndex] = 1;
    }
  }
  let free = 0;
  for (const classIndex of moved) {
    while (taken[free] === 1) free++;
    complete[classIndex] = free++;
  }
  return complete;
}

function checkSizes({ classes, slots }: AssignmentRequest): void {
  for (const [name, value] of [
    ['classes', classes],
    ['slots', slots],
  ] as const)
    if (!Number.isSafeInteger(value) || value < 1)
      throw usageError(`the number of ${name} must be a positive integer`, { where: name, received: String(value) });
  if (slots < classes)
    throw usageError('there are fewer class vectors than classes, so they cannot all be different', {
      where: 'slots',
      expected: `at least ${classes}, one for each class`,
      received: String(slots),
      hint: 'use more features, or a head with a larger capacity',
    });
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
