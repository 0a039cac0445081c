import type { HeadDocument, TrainingBytes, TrainingFacts } from './head-document.ts';
import { REACHABLE_LOSS } from '../heads/scale-advice.ts';
import * as format from './format.ts';

/** A name, what it is, and what that means. */
export interface Fact {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
}

/** A small table: the first column has the names of its rows. */
export interface FactTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Facts that belong together, for the terminal and the page alike. */
export interface HeadSection {
  readonly id: 'geometry' | 'cosines' | 'scale' | 'cost' | 'time' | 'training';
  readonly title: string;
  readonly facts: readonly Fact[];
  readonly tables: readonly FactTable[];
  readonly notes: readonly string[];
}

/** Everything that a document knows about a head, in sections; those without content are left out. */
export function headSections(document: HeadDocument): readonly HeadSection[] {
  const sections = [
    geometrySection(document),
    cosineSection(document),
    scaleSection(document),
    costSection(document),
    timeSection(document),
    trainingSection(document.training),
  ];
  return sections.filter(({ facts, tables }) => facts.length + tables.length > 0);
}

/** A cosine with the digits that tell 1/√N from its neighbours; what is below float32 rounding is 0. */
export const cosineText = (value: number): string =>
  Math.abs(value) < 1e-6 ? '0' : String(Number(value.toPrecision(4)));

/** Counts beyond imagination as a power of ten. */
function countText(count: number): string {
  if (count < 1e12) return format.count(count);
  const exponent = Math.floor(Math.log10(count));
  return `about ${(count / 10 ** exponent).toFixed(1)} × 10^${exponent}`;
}

function geometrySection({ geometry, vectors }: HeadDocument): HeadSection {
  const facts: Fact[] = [];
  if (geometry !== null) {
    const { kind, construction, features, order, bases, capacity, distinct, classes, distinctBy } = geometry;
    facts.push(
      { label: 'kind', value: kind, note: construction },
      {
        label: 'features used',
        value: `${format.count(order)} of ${format.count(features)}`,
        ...(order < features ? { note: 'the largest order with a known Hadamard matrix' } : {}),
      },
    );
    if (bases > 0) facts.push({ label: 'orthonormal bases', value: format.count(bases) });
    facts.push(
      { label: 'capacity', value: capacity === null ? 'no limit' : `${countText(capacity)} classes` },
      {
        label: 'distinct vectors',
        value: `${format.count(distinct)} of ${format.count(classes)}`,
        note:
          distinctBy === 'all'
            ? 'every vector was compared'
            : `by construction; ${format.count(vectors?.examined ?? 0)} were compared`,
      },
    );
  }
  if (vectors !== null && geometry?.kind === 'weights') {
    const { norms, effectiveDimension, signs } = vectors;
    facts.push(
      {
        label: 'norms',
        value: `${format.significant(norms.smallest)} to ${format.significant(norms.largest)}`,
        note: `mean ${format.significant(norms.mean)}`,
      },
      {
        label: 'effective dimension',
        value: format.significant(effectiveDimension),
        note: `C²/Σcos²; at most ${format.count(Math.min(geometry.classes, geometry.features))}`,
      },
      { label: 'entries', value: signs ? '± one number: a sign matrix' : 'not ± one number' },
    );
  }
  return { id: 'geometry', title: 'Class vectors', facts, tables: [], notes: [] };
}

function cosineSection({ geometry, vectors }: HeadDocument): HeadSection {
  const empty = { id: 'cosines', title: 'Cosines between class vectors', tables: [], notes: [] } as const;
  if (geometry === null || vectors === null) return { ...empty, facts: [] };
  const { kind, coherence, welch, classes, features } = geometry;
  const { examined, exhaustive, pairs, closest, withinBasis, betweenBases, constant, values } = vectors;
  const basis = exhaustive
    ? `all ${format.count(pairs)} pairs`
    : `${format.count(pairs)} pairs of ${format.count(examined)} vectors drawn at random`;
  const facts: Fact[] = [
    {
      label: 'largest |cos|',
      value: cosineText(vectors.coherence),
      note: `measured over ${basis}${closest === null || vectors.coherence < 1e-6 ? '' : `; classes ${closest[0]} and ${closest[1]}`}`,
    },
  ];
  if (kind !== 'weights')
    facts.push({ label: 'as promised', value: cosineText(coherence), note: 'by the construction' });
  facts.push(
    {
      label: 'Welch bound',
      value: cosineText(welch),
      note:
        classes <= features
          ? `${format.count(classes)} orthogonal vectors fit into ${format.count(features)} features`
          : 'no vectors of this number and dimension have a smaller largest |cos|',
    },
    {
      label: 'mean |cos|',
      value: cosineText(vectors.meanAbsolute),
      note: `root mean square ${cosineText(vectors.rootMeanSquare)}`,
    },
  );
  if (withinBasis !== null && betweenBases !== null) {
    facts.push(
      {
        label: 'within a basis',
        value: cosineText(withinBasis.largest),
        note: `${format.count(withinBasis.pairs)} pairs`,
      },
      {
        label: 'between bases',
        value: cosineText(betweenBases.largest),
        note: `${format.count(betweenBases.pairs)} pairs`,
      },
    );
  }
  if (vectors.antipodalPairs > 0)
    facts.push({
      label: 'opposite pairs',
      value: format.count(vectors.antipodalPairs),
      note: 'cosine −1; not counted above',
    });
  if (vectors.identicalPairs > 0)
    facts.push({ label: 'equal directions', value: format.plural(vectors.identicalPairs, 'pair') });
  facts.push({
    label: 'class 0 with (1, …, 1)',
    value: cosineText(constant.classZero),
    note: `largest ${cosineText(constant.largest)} (class ${constant.largestClass}), mean |cos| ${cosineText(constant.meanAbsolute)}`,
  });
  const table: FactTable | undefined =
    values === null
      ? undefined
      : {
          head: ['cosine', 'pairs, %'],
          rows: values.map(({ cosine, share }) => [cosineText(cosine), format.sharePercent(share)]),
        };
  return { ...empty, facts, tables: table === undefined ? [] : [table] };
}

function scaleSection({ scale, geometry }: HeadDocument): HeadSection {
  const empty = { id: 'scale', title: 'Scale α', tables: [], notes: [] } as const;
  if (scale === null || geometry === null) return { ...empty, facts: [] };
  const { start, learned, logitDeviation, logitSpan, logOthers, alignedLoss, needed } = scale;
  return {
    ...empty,
    facts: [
      {
        label: learned ? 'start' : 'fixed at',
        value: format.significant(start),
        note: `logits of random features have a standard deviation of ${format.significant(logitDeviation)}`,
      },
      {
        label: 'logit span',
        value: format.significant(logitSpan),
        note: `how far an image along its class vector lifts its own logit above the others; log(C − 1) = ${format.significant(logOthers)} is the even chance`,
      },
      {
        label: 'loss of such an image',
        value: alignedLoss < 1e-6 ? 'below 10⁻⁶' : format.significant(alignedLoss),
        note: `probability ${format.significant(Math.exp(-alignedLoss))} for its class, at this α`,
      },
      {
        label: 'suggested',
        value: needed === null ? 'none' : `at least ${format.significant(needed)}`,
        note:
          needed === null
            ? 'equal class vectors: no α tells them apart'
            : `${learned ? 'by the end of training, ' : ''}for a loss of ${REACHABLE_LOSS} (probability 0.905)`,
      },
    ],
  };
}

function memoryRow(name: string, bytes: TrainingBytes): readonly string[] {
  const { parameters, weights, gradients, momentum, constants } = bytes;
  return [
    name,
    format.count(parameters),
    ...[weights, gradients, momentum, constants].map((size) => format.bytes(size)),
  ];
}

function costSection({ memory, cost, classifier, geometry }: HeadDocument): HeadSection {
  const empty = { id: 'cost', title: 'Parameters, memory and arithmetic', facts: [] } as const;
  if (memory === null || cost === null || classifier === null) return { ...empty, tables: [], notes: [] };
  const { features, classes } = classifier;
  const isLearned = geometry === null || geometry.kind === 'weights';
  const dense = [
    isLearned ? 'this classifier' : 'learned',
    format.count(classes * (features - 1)),
    format.count(classes * features),
    format.count(classes * features),
  ];
  return {
    ...empty,
    tables: [
      {
        head: ['in training', 'trained numbers', 'weights', 'gradients', 'momentum', 'constants'],
        rows: [
          ...(isLearned ? [] : [memoryRow('this head', memory.head)]),
          memoryRow(isLearned ? 'this classifier' : 'learned', isLearned ? memory.head : memory.learned),
        ],
      },
      {
        head: ['one product', 'additions', 'multiplications', 'multiply-adds in ONNX'],
        rows: [
          ...(isLearned
            ? []
            : [
                [
                  'this head',
                  format.count(cost.adds),
                  format.count(cost.multiplies),
                  format.count(classifier.multiplyAdds),
                ],
              ]),
          dense,
        ],
      },
    ],
    notes:
      isLearned || cost.multiplies > 0
        ? []
        : [
            'Additions are those of a fast transform; as ordinary ONNX operators it is small matrix products, whose multiply-adds are counted apart.',
          ],
  };
}

function milliseconds(value: number | null): string {
  return value === null ? format.MISSING : format.significant(value);
}

function timeSection({ timing }: HeadDocument): HeadSection {
  const empty = { id: 'time', title: 'Time on this machine', facts: [] } as const;
  if (timing === null) return { ...empty, tables: [], notes: [] };
  const { batches, device, skipped } = timing;
  return {
    ...empty,
    tables:
      batches.length === 0
        ? []
        : [
            {
              head: ['milliseconds a call', 'this head', 'dense', 'ratio'],
              rows: batches.map(({ batch, head, dense }) => [
                `batch ${batch}`,
                milliseconds(head),
                milliseconds(dense),
                head === null || dense === null || head === 0 ? format.MISSING : `${format.significant(dense / head)}×`,
              ]),
            },
          ],
    notes: [`Median of calls on ${device}.`, ...skipped.map((reason) => `Not timed: ${reason}.`)],
  };
}

function trainingSection(training: TrainingFacts | null): HeadSection {
  const empty = { id: 'training', title: 'After training' } as const;
  if (training === null) return { ...empty, facts: [], tables: [], notes: [] };
  const { scale, step, features, assignments } = training;
  const facts: Fact[] = [];
  if (step !== null) facts.push({ label: 'steps', value: format.count(step) });
  const [first, last] = [scale[0], scale.at(-1)];
  if (first !== undefined && last !== undefined) {
    const values = scale.map(({ value }) => value);
    facts.push({
      label: 'α',
      value: `${format.significant(first.value)} to ${format.significant(last.value)}`,
      note: `between ${format.significant(Math.min(...values))} and ${format.significant(Math.max(...values))} on the way`,
    });
  }
  for (const { epoch, before, after } of assignments) {
    facts.push({
      label: 'assignment',
      value: `${format.significant(before)} to ${format.significant(after)}`,
      note: `mean cosine of class means (centred) with their class vectors, by the assignment ${epoch === 0 ? 'before training' : `after ${format.plural(epoch, 'epoch')}`}`,
    });
  }
  const table: FactTable = {
    head: ['features', ...features.map(({ split }) => (split === 'train' ? 'training' : 'validation'))],
    rows: [
      ['images', ...features.map(({ images, of }) => `${format.count(images)} of ${format.count(of)}`)],
      ['norm, mean', ...features.map(({ normMean }) => format.significant(normMean))],
      ['norm, standard deviation', ...features.map(({ normDeviation }) => format.significant(normDeviation))],
      [
        'within/between-class variance',
        ...features.map(({ collapse }) =>
          collapse?.variabilityRatio == null ? format.MISSING : format.significant(collapse.variabilityRatio),
        ),
      ],
      [
        'cos(class mean, class vector), mean',
        ...features.map(({ collapse }) => (collapse === null ? format.MISSING : cosineText(collapse.cosineMean))),
      ],
      [
        '… smallest',
        ...features.map(({ collapse }) => (collapse === null ? format.MISSING : cosineText(collapse.cosineSmallest))),
      ],
      [
        '… of centred means',
        ...features.map(({ collapse }) =>
          collapse === null ? format.MISSING : cosineText(collapse.centredCosineMean),
        ),
      ],
    ],
  };
  const worst = features.find(({ split }) => split === 'train')?.collapse?.worst ?? [];
  return {
    ...empty,
    facts,
    tables: [
      ...(features.length === 0 ? [] : [table]),
      ...(worst.length === 0
        ? []
        : [
            {
              head: ['farthest from its vector', 'cosine'],
              rows: worst.map(({ name, cosine }) => [format.shorten(format.plain(name), 40), cosineText(cosine)]),
            },
          ]),
    ],
    notes: [],
  };
}
