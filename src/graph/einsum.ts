import { inputError } from '../core/errors.ts';
import { formatShape, type Dim, type Shape } from '../core/shape.ts';

/** The axes of an Einsum by label: a letter, or `…k` for the k-th axis from the right that an ellipsis covers. */
export interface EinsumTerms {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

const ELLIPSIS = '...';

/** Labels of one term for an operand of this rank. */
function labelsOf(term: string, covered: (letters: number) => number, where: string): readonly string[] {
  const fail = (problem: string): never => {
    throw inputError(problem, { where, received: `the term ${JSON.stringify(term)}` });
  };
  const [before = '', after, ...more] = term.split(ELLIPSIS);
  if (more.length > 0) fail('more than one ellipsis in a term');
  const [leading, trailing] = [Array.from(before), Array.from(after ?? '')];
  const letters = [...leading, ...trailing];
  if (!letters.every((letter) => /^[A-Za-z]$/.test(letter))) fail('an Einsum term consists of letters and an ellipsis');
  const repeated = letters.find((letter, index) => letters.indexOf(letter) !== index);
  // Inside an operand this would be its diagonal, which fixhead does not differentiate.
  if (repeated !== undefined) fail(`label ${repeated} stands twice in one term`);
  const count = covered(letters.length);
  if (count < 0 || (after === undefined && count !== 0)) fail('the term does not fit the rank of its operand');
  const ellipsis = Array.from({ length: count }, (_, axis) => `…${count - 1 - axis}`);
  return [...leading, ...ellipsis, ...trailing];
}

/**
 * Parses an equation such as `bij,bjk->bik` for operands of given ranks. Without `->` the output has the ellipsis' axes, then
 * the letters that occur once, in alphabetical order.
 *
 * @throws an input error for anything that is not an equation for these ranks, and for a label repeated inside one operand.
 */
export function parseEinsum(equation: string, ranks: readonly number[], where: string): EinsumTerms {
  const fail = (problem: string, expected?: string): never => {
    throw inputError(problem, {
      where,
      ...(expected === undefined ? {} : { expected }),
      received: JSON.stringify(equation),
    });
  };
  const [left = '', right, ...more] = equation.replaceAll(' ', '').split('->');
  if (more.length > 0) fail('more than one arrow in an equation');
  const terms = left.split(',');
  if (terms.length !== ranks.length) fail('an equation needs one term for each operand', `${ranks.length} terms`);
  const inputs = terms.map((term, index) => labelsOf(term, (letters) => (ranks[index] ?? 0) - letters, where));
  const all = inputs.flat();
  const covered = new Set(
    inputs.flatMap((labels, index) =>
      terms[index]?.includes(ELLIPSIS) === true ? [labels.filter((label) => label.startsWith('…')).length] : [],
    ),
  );
  if (covered.size > 1) fail('the ellipses cover different numbers of axes');
  const [count = 0] = covered;

  if (right !== undefined) {
    const output = labelsOf(right, () => (right.includes(ELLIPSIS) ? count : 0), where);
    const unknown = output.find((label) => !all.includes(label));
    if (unknown !== undefined) fail(`label ${unknown} of the output is in no operand`);
    if (count > 0 && !right.includes(ELLIPSIS)) fail('the output drops the axes of the ellipsis', 'an ellipsis in it');
    return { inputs, output };
  }
  const once = all.filter((label) => /^[A-Za-z]$/.test(label) && all.indexOf(label) === all.lastIndexOf(label));
  const kinds = new Set(once.map((letter) => letter === letter.toLowerCase()));
  // Runtimes disagree on whether a or B comes first.
  if (kinds.size > 1) fail('an equation without output mixes small and capital letters', 'the output after ->');
  const ellipsis = Array.from({ length: count }, (_, axis) => `…${count - 1 - axis}`);
  return { inputs, output: [...ellipsis, ...once.sort()] };
}

/** The extent of each label; where operands differ, one of them has 1 and repeats. */
export function einsumExtents(
  { inputs }: EinsumTerms,
  shapes: readonly Shape[],
  where: string,
): ReadonlyMap<string, Dim> {
  const extents = new Map<string, Dim>();
  inputs.forEach((labels, index) => {
    const shape = shapes[index] ?? [];
    labels.forEach((label, axis) => {
      const [known = 1, own = 1] = [extents.get(label), shape[axis]];
      if (known !== own && known !== 1 && own !== 1) {
        throw inputError(`label ${label} has two extents`, {
          where,
          received: `${known} and ${own} in ${shapes.map(formatShape).join(' and ')}`,
        });
      }
      extents.set(label, known === 1 ? own : known);
    });
  });
  return extents;
}
