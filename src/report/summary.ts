import { bestHead } from './columns.ts';
import { type ComparisonDocument, type HeadComparison } from './comparison.ts';
import * as format from './format.ts';
import { measureOf } from './measure.ts';

/** Whether the optimiser updates less than the whole classifier. */
export function isFixed(head: HeadComparison): boolean {
  return head.parameters.classifierTrainable < head.parameters.classifier;
}

/**
 * What the comparison shows, in sentences for a reader in a hurry: the best head, what each fixed head gained or lost
 * against the learned one, and what it saved. A difference is called one only where it exceeds the spread of the
 * seeds, and never from a single seed.
 */
export function summarise(document: ComparisonDocument): readonly string[] {
  const best = document.heads[bestHead(document)];
  if (best === undefined) return [`No head has a ${measureOf(document).accuracy} yet.`];
  const learned = document.heads.find((head) => !isFixed(head));
  const [fixed, ...others] = document.heads
    .filter((head) => isFixed(head) && Number.isFinite(head.validationAccuracy.mean))
    .sort((a, b) => b.validationAccuracy.mean - a.validationAccuracy.mean);
  const pair = learned !== undefined && fixed !== undefined;
  return [
    opening(document, best, !pair),
    ...(pair ? [against(fixed, learned), saved(fixed, learned)] : []),
    ...(pair && others.length > 0 ? [rest(others, learned)] : []),
    ...toBeat(document),
    ...caution(document, best),
  ];
}

/** What the features are worth beside none at all. */
function toBeat({ neighbours }: ComparisonDocument): readonly string[] {
  if (neighbours === undefined) return [];
  const { k, pixels, untrained } = neighbours;
  const by = (which: 'accuracy' | 'nearest'): string =>
    `raw pixels ${format.percent(pixels[which])} %, the untrained network ${format.percent(untrained[which])} %`;
  return [
    `By the same vote of ${format.plural(k, 'neighbour')}: ${by('accuracy')}; by the single nearest one: ${by('nearest')}.`,
  ];
}

function opening(document: ComparisonDocument, best: HeadComparison, withGap: boolean): string {
  const accuracy = accuracyOf(best);
  if (document.heads.length === 1)
    return `The ${best.head} head reaches a ${measureOf(document).accuracy} of ${accuracy}.`;
  const opener = `Of ${document.heads.length} heads, ${best.head} has the highest ${measureOf(document).accuracy}, ${accuracy}`;
  const runnerUp = [...document.heads]
    .filter((head) => head !== best && Number.isFinite(head.validationAccuracy.mean))
    .sort((a, b) => b.validationAccuracy.mean - a.validationAccuracy.mean)[0];
  if (runnerUp === undefined || !withGap) return `${opener}.`;
  const gap = best.validationAccuracy.mean - runnerUp.validationAccuracy.mean;
  return gap === 0
    ? `${opener}, the same as ${runnerUp.head}.`
    : `${opener}, ${points(gap)} ahead of ${runnerUp.head}.`;
}

/** The other fixed heads: a sentence for one, a list of signed distances for more. */
function rest(heads: readonly HeadComparison[], learned: HeadComparison): string {
  const [only, second] = heads;
  if (only !== undefined && second === undefined) return against(only, learned);
  const parts = heads.map((head, index) => {
    const difference = head.validationAccuracy.mean - learned.validationAccuracy.mean;
    const sign = difference > 0 ? '+' : difference < 0 ? '−' : '';
    const text = `${sign}${format.percent(Math.abs(difference))}`;
    return index === 0 ? `${head.head} is at ${text} points` : `${head.head} at ${text}`;
  });
  return `Against the ${learned.head} head, ${format.list(parts)}.`;
}

function accuracyOf(head: HeadComparison): string {
  const { mean, sd } = head.validationAccuracy;
  if (head.seeds.length < 2 || !Number.isFinite(sd)) return `${format.percent(mean)} %`;
  return `${format.percent(mean)} % (± ${format.percent(sd)} over ${format.plural(head.seeds.length, 'seed')})`;
}

/** A difference of accuracies in percentage points, without its sign. */
function points(difference: number): string {
  const text = format.percent(Math.abs(difference));
  if (Number(text) === 0) return 'less than 0.01 points';
  return `${text} ${text === '1.00' ? 'point' : 'points'}`;
}

function against(head: HeadComparison, learned: HeadComparison): string {
  const difference = head.validationAccuracy.mean - learned.validationAccuracy.mean;
  if (!Number.isFinite(difference))
    return `${head.head} cannot be compared with ${learned.head}: a run has no accuracy.`;
  const where = difference === 0 ? 'level with' : difference > 0 ? 'above' : 'below';
  const distance = difference === 0 ? '' : `${points(difference)} `;
  const opener = `The fixed ${head.head} head is ${distance}${where} the ${learned.head} one`;
  const seeds = Math.min(head.seeds.length, learned.seeds.length);
  if (seeds < 2 || difference === 0) return `${opener}.`;
  const spread = Math.max(head.validationAccuracy.sd, learned.validationAccuracy.sd);
  if (Math.abs(difference) <= spread)
    return `${opener}, which is within one standard deviation of the seeds (${points(spread)}): no difference is shown.`;
  return `${opener}, more than one standard deviation of the seeds (${points(spread)})${inHowMany(head, learned)}.`;
}

/** How often the better of the two was ahead, seed by seed: both started from the same weights and batches. */
function inHowMany(head: HeadComparison, learned: HeadComparison): string {
  const other = new Map(learned.seeds.map((seed) => [seed.seed, seed.validationAccuracy]));
  const gaps = head.seeds.flatMap((seed) => {
    const value = other.get(seed.seed);
    return value === undefined ? [] : [seed.validationAccuracy - value];
  });
  if (gaps.length < 2) return '';
  const sign = Math.sign(head.validationAccuracy.mean - learned.validationAccuracy.mean);
  const ahead = gaps.filter((gap) => Math.sign(gap) === sign).length;
  const howMany = ahead < gaps.length ? `${ahead} of ${gaps.length}` : ahead === 2 ? 'both' : `all ${ahead}`;
  return `, ${sign > 0 ? 'ahead' : 'behind'} in ${howMany}`;
}

function saved(head: HeadComparison, learned: HeadComparison): string {
  const own = head.parameters.classifierTrainable;
  const other = learned.parameters.classifierTrainable;
  const fewer = learned.parameters.trainable - head.parameters.trainable;
  const trains =
    own === 0
      ? `Its classifier has nothing to train, where the ${learned.head} one trains ${format.plural(other, 'parameter')}`
      : `Its classifier trains ${format.plural(own, 'parameter')}, where the ${learned.head} one trains ${format.count(other)}`;
  const part = format.sharePercent(format.share(fewer, learned.parameters.trainable));
  const smaller = learned.exportedBytes - head.exportedBytes;
  const gains = [
    ...(fewer > 0 ? [`that saves ${part} % of the model’s trainable parameters`] : []),
    ...(Number.isFinite(smaller) && smaller !== 0
      ? [`the exported file is ${format.bytes(Math.abs(smaller))} ${smaller > 0 ? 'smaller' : 'larger'}`]
      : []),
  ];
  return gains.length === 0 ? `${trains}.` : `${trains}; ${gains.join(smaller > 0 ? ', and ' : ', but ')}.`;
}

/**
 * With one seed the only spread that can be stated is that of counting: n images of which a share p is right give
 * a standard error of √(p(1 − p)/n).
 */
function caution(document: ComparisonDocument, best: HeadComparison): readonly string[] {
  if (document.heads.length < 2) return [];
  const seeds = Math.min(...document.heads.map((head) => head.seeds.length));
  if (seeds > 2) return [];
  if (seeds === 2) return ['Two seeds give only a rough idea of the spread between runs.'];
  const p = best.validationAccuracy.mean;
  const error = Math.sqrt((p * (1 - p)) / document.dataset.validation);
  const counting =
    Number.isFinite(error) && error > 0
      ? `; counting on this many images alone is uncertain by about ± ${points(error)}`
      : '';
  return [`One seed shows nothing of the spread between runs, so small differences mean little${counting}.`];
}
