import type { HeadDocument } from './head-document.ts';
import * as format from './format.ts';
import { cosineText } from './head-sections.ts';
import { REACHABLE_LOSS } from '../heads/scale-advice.ts';

/** One thing that a reader should know about a head: fine, worth knowing, or wrong. */
export interface Finding {
  readonly level: 'fine' | 'note' | 'wrong';
  readonly text: string;
}

/** Rounding of float32 vectors; nothing below it is a difference. */
const ROUNDING = 1e-5;

/** A class vector with more than this cosine to (1, …, 1) is one that non-negative features cannot leave alone. */
const NOTABLE_CONSTANT = 0.5;

/** What an inspection comes to, the important first. */
export function findings(document: HeadDocument): readonly Finding[] {
  return [
    ...distinctness(document),
    ...coherence(document),
    ...constantDirection(document),
    ...scale(document),
    ...savings(document),
    ...alignment(document),
  ];
}

function distinctness({ geometry, vectors }: HeadDocument): readonly Finding[] {
  if (geometry === null || vectors === null) return [];
  const { distinct, classes, distinctBy } = geometry;
  const { period, pairs } = vectors.repeated;
  if (distinct === classes) {
    const how = distinctBy === 'all' ? 'compared one by one' : 'by construction, and none of a sample repeats';
    return [{ level: 'fine', text: `All ${format.count(classes)} class vectors are different (${how}).` }];
  }
  const [pair] = pairs;
  const which =
    period !== null
      ? `: classes i and i + ${format.count(period)} share one`
      : pair === undefined
        ? ''
        : `: classes ${pair[0]} and ${pair[1]} share one, for example`;
  return [
    {
      level: 'wrong',
      text: `Only ${format.count(distinct)} of ${format.count(classes)} class vectors are different${which}. Nothing but a bias can tell such classes apart: at best ${format.sharePercent(distinct / classes)} % of evenly spread images can be right.`,
    },
  ];
}

function coherence({ geometry, vectors }: HeadDocument): readonly Finding[] {
  if (geometry === null || vectors === null) return [];
  const { kind, classes, features, welch } = geometry;
  const promised = geometry.coherence;
  const found = vectors.coherence;
  if (kind !== 'weights' && found > promised + ROUNDING) {
    return [
      {
        level: 'wrong',
        text: `The largest |cosine| is ${cosineText(found)}, more than the ${cosineText(promised)} that the construction promises.`,
      },
    ];
  }
  const largest = kind === 'weights' ? found : promised;
  if (largest < ROUNDING) {
    const opposite = vectors.antipodalPairs > 0 ? ', or opposite,' : '';
    return [{ level: 'fine', text: `The class vectors are orthogonal${opposite} to each other.` }];
  }
  const { values, exhaustive } = vectors;
  const [only] = values ?? [];
  if (values?.length === 1 && only !== undefined && only.cosine < 0) {
    return [
      {
        level: 'fine',
        text: `Any two class vectors have the cosine ${cosineText(only.cosine)}: no ${format.count(classes)} directions lie farther apart.`,
      },
    ];
  }
  if (classes <= features) {
    return [
      {
        level: 'note',
        text: `The largest |cosine| of two class vectors is ${cosineText(largest)}; ${format.count(classes)} orthogonal vectors would fit into ${format.count(features)} features.`,
      },
    ];
  }
  const ratio = largest / welch;
  const seen = !exhaustive && found < largest - ROUNDING ? ` (${cosineText(found)} among a sample)` : '';
  return [
    {
      level: ratio < 1.5 ? 'fine' : 'note',
      text: `The largest |cosine| of two class vectors is ${seen === '' ? '' : 'at most '}${cosineText(largest)}${seen}, ${format.significant(ratio)} times the Welch bound of ${cosineText(welch)}, below which no ${format.count(classes)} vectors of ${format.count(features)} features can be.`,
    },
  ];
}

function constantDirection({ geometry, vectors, sign }: HeadDocument): readonly Finding[] {
  if (geometry === null || vectors === null || geometry.kind === 'weights') return [];
  const { largest, largestClass } = vectors.constant;
  if (geometry.balanced) {
    return [
      { level: 'fine', text: 'Every class vector is orthogonal to (1, …, 1): non-negative features favour no class.' },
    ];
  }
  if (Math.abs(largest) < NOTABLE_CONSTANT) return [];
  const text = `Class ${largestClass} has a cosine of ${cosineText(largest)} with (1, …, 1)`;
  return sign === 'non-negative'
    ? [
        {
          level: 'note',
          text: `${text}: uncentred features that are never negative would make it win, or lose, for every image.`,
        },
      ]
    : [
        {
          level: 'note',
          text: `${text}. That is harmless for signed features; features that are never negative must be centred first.`,
        },
      ];
}

function scale({ scale: advice }: HeadDocument): readonly Finding[] {
  if (advice === null) return [];
  const { start, learned, needed, logitSpan, logOthers } = advice;
  const reach = `loss of ${REACHABLE_LOSS} on an image whose features point exactly along its class vector`;
  if (needed === null) return [{ level: 'wrong', text: `No scale α reaches a ${reach}.` }];
  const [from, to] = [format.significant(start), format.significant(needed)];
  if (start >= needed) {
    return [
      {
        level: 'fine',
        text: `α ${learned ? `starts at ${from}` : `stays at ${from}`}; ${to} is enough for a ${reach}.`,
      },
    ];
  }
  const span = `it lifts that image's own logit by ${format.significant(logitSpan)} over the others, and log(C − 1) is ${format.significant(logOthers)}`;
  return learned
    ? [{ level: 'note', text: `α starts at ${from} and has to grow to ${to} for a ${reach}: ${span}.` }]
    : [{ level: 'wrong', text: `α stays at ${from} and would have to be ${to} for a ${reach}: ${span}.` }];
}

function savings({ memory, head }: HeadDocument): readonly Finding[] {
  if (memory === null || head === null) return [];
  const { head: own, learned } = memory;
  if (own.parameters >= learned.parameters) return [];
  return [
    {
      level: 'fine',
      text: `It trains ${format.plural(own.parameters, 'number')} where a learned classifier trains ${format.count(learned.parameters)} (${format.bytes(learned.weights + learned.gradients + learned.momentum)} with gradients and momentum).`,
    },
  ];
}

function alignment({ training }: HeadDocument): readonly Finding[] {
  const collapse = training?.features.find(({ split }) => split === 'train')?.collapse;
  if (collapse === undefined || collapse === null) return [];
  const [worst] = collapse.worst;
  const lagging = worst === undefined ? '' : ` The farthest is class ${worst.name} at ${cosineText(worst.cosine)}.`;
  return [
    {
      level: 'note',
      text: `After training, the mean features of a class have a cosine of ${cosineText(collapse.cosineMean)} with its class vector, ${cosineText(collapse.centredCosineMean)} once the mean of all classes is taken away.${lagging}`,
    },
  ];
}
