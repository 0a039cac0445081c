import { FixheadError, usageError } from '../core/errors.ts';
import { poolGeometry, withCodes } from '../heads/assignment/codes.ts';
import type { Backbone } from '../heads/backbone.ts';
import type { Geometry } from '../heads/geometry.ts';
import { createHead, type Head } from '../heads/head.ts';
import { modelOn, type Model } from '../heads/model.ts';
import { formatHead } from '../heads/parse.ts';
import { hasBias, type HeadSpec } from '../heads/spec.ts';

/** Where a head with one class more takes its vectors from. */
export interface RoomToGrow {
  /** The head's spec with one class more: a bias that the head has it keeps, however many classes there are. */
  readonly spec: HeadSpec;
  /** The vectors to choose from; class i of the old head has vector `slots[i]`. */
  readonly pool: Geometry;
  /** `[C]` */
  readonly slots: Uint32Array;
  /** Whether the old classes have the numbers that they had, so that a stored table of them stays as it is. */
  readonly sameNumbers: boolean;
  /** The slots that no class has, ascending. */
  readonly unused: Uint32Array;
}

const refusal = (head: Head, reason: string, hint: string): FixheadError =>
  usageError(`no class vector is left for another class: ${reason}`, {
    where: `head ${head.name} with ${head.classes} classes on ${head.features} features`,
    hint,
  });

const larger = 'a coset or random head has many more: train with --head coset';

/** @throws a usage error for heads whose vectors are trained or given, or change with the number of classes. */
export function checkGrows(spec: HeadSpec): void {
  const where = `head ${formatHead(spec)}`;
  switch (spec.kind) {
    case 'learned':
    case 'cosine':
      throw usageError('a head that learns its class vectors has no unused one for a new class', {
        where,
        legal: ['hadamard', 'biorthogonal', 'coset', 'random'],
        hint: 'give the model a fixed head, on data with the new class: fixhead fix MODEL --data DATA --new-classes --head hadamard',
      });
    case 'custom':
      throw usageError('a head with given class vectors has no unused one for a new class', {
        where,
        hint: 'add a row to the file of the vectors and train again, or use a hadamard head',
      });
    case 'simplex':
    case 'orthonormal':
      throw usageError(`the vectors of a head of kind ${spec.kind} all change with their number, so none is unused`, {
        where,
        legal: ['hadamard', 'biorthogonal', 'coset', 'random'],
        hint: 'train with a hadamard head, which has room',
      });
    case 'hadamard':
    case 'biorthogonal':
    case 'coset':
    case 'random':
      return;
    default:
      spec satisfies never;
  }
}

/** The head for one class more, its classes not assigned to anything yet. */
function nextHead(head: Head, backbone: Backbone): Head {
  const { classes, features } = head;
  const bias = hasBias(head.spec, classes);
  const spec = Object.freeze(
    hasBias(head.spec, classes + 1) === bias ? head.spec : { ...head.spec, bias },
  ) satisfies HeadSpec;
  try {
    return createHead(spec, { classes: classes + 1, features, sign: backbone.sign });
  } catch (error) {
    if (error instanceof FixheadError && error.kind === 'usage') {
      const { expected, hint } = error.fields;
      throw refusal(head, `it has ${expected ?? 'no more'}`, hint ?? larger);
    }
    throw error;
  }
}

/** The number that a slot of one set of signed Hadamard bases has in another, which may have more rows, negatives or bases. */
function renumbered(slot: number, from: Geometry, to: Geometry): number | undefined {
  const [own, other] = [from.layout, to.layout];
  if (own === undefined || other === undefined) return slot;
  const rows = own.order - own.firstRow;
  const size = own.antipodal ? 2 * rows : rows;
  const basis = Math.floor(slot / size);
  const within = slot - basis * size;
  const row = own.firstRow + (within % rows);
  const negative = within >= rows;
  const otherRows = other.order - other.firstRow;
  if (own.order !== other.order || row < other.firstRow || (negative && !other.antipodal)) return undefined;
  return basis * (other.antipodal ? 2 * otherRows : otherRows) + (negative ? otherRows : 0) + row - other.firstRow;
}

/** All vectors are compared up to so many numbers, a second; beyond, so many of them evenly spread, besides the signs of all bases. */
const COMPARED_NUMBERS = 2 ** 26;
const COMPARED_VECTORS = 1024;

function signsAgree(from: Geometry, to: Geometry): boolean {
  const [own, other] = [from.layout, to.layout];
  if (own === undefined || other === undefined) return own === other;
  for (let basis = 0; basis < Math.min(own.bases, other.bases); basis++) {
    const packed = other.diagonals.packed(basis);
    if (!own.diagonals.packed(basis).every((byte, place) => byte === packed[place])) return false;
  }
  return true;
}

/** The place in `pool` of every class's vector; `undefined` unless each is there, number for number. */
function placesIn(pool: Geometry, old: Geometry): Uint32Array | undefined {
  const { classes, features, codes } = old;
  if (!signsAgree(old, pool)) return undefined;
  const slots = new Uint32Array(classes);
  for (let index = 0; index < classes; index++) {
    const slot = renumbered(codes?.[index] ?? index, old, pool);
    if (slot === undefined || slot >= pool.slots) return undefined;
    slots[index] = slot;
  }
  const every = classes * features <= COMPARED_NUMBERS ? 1 : Math.ceil(classes / COMPARED_VECTORS);
  for (let index = 0; index < classes; index += every) {
    const [own, other] = [old.vector(index), pool.vector(slots[index] ?? 0)];
    if (!own.every((entry, k) => entry === other[k])) return undefined;
  }
  return slots;
}

function unusedOf(count: number, slots: Uint32Array): Uint32Array {
  const taken = new Uint8Array(count);
  for (const slot of slots) taken[slot] = 1;
  const unused = new Uint32Array(count - slots.length);
  let place = 0;
  for (let slot = 0; slot < count; slot++) if (taken[slot] === 0) unused[place++] = slot;
  return unused;
}

/**
 * The unused class vectors of a head, and where its classes have theirs among them.
 *
 * @param model a backbone of which only its features' number and sign matter, with the head
 * @throws a usage error for a head whose vectors are trained or given, and for one without room: how many vectors it has, and what has more
 */
export function roomToGrow({ head, backbone }: Pick<Model, 'head' | 'backbone'>): RoomToGrow {
  checkGrows(head.spec);
  const old = head.geometry;
  const next = nextHead(head, backbone);
  if (next.centred !== head.centred || old === undefined) {
    throw refusal(
      head,
      `all ${head.classes} that need no centring of the features are taken, and centring them would change the answers for the old classes`,
      larger,
    );
  }
  const pool = poolGeometry({ backbone, head: next });
  const slots = placesIn(pool, old);
  if (slots === undefined) {
    throw refusal(head, 'a set with one vector more does not hold the vectors of the old classes', larger);
  }
  const unused = unusedOf(pool.slots, slots);
  if (unused.length === 0) throw refusal(head, `all ${pool.slots} are taken`, larger);
  const own = old.codes;
  return Object.freeze({
    spec: next.spec,
    pool,
    slots,
    sameNumbers: own !== undefined && own.every((slot, index) => slot === slots[index]),
    unused,
  });
}

/** The model with one class more, on an unused vector of the room that its head has; the others keep theirs. */
export function grownModel(backbone: Backbone, head: Head, { spec, slots }: RoomToGrow, slot: number): Model {
  const { classes, features } = head;
  const next = createHead(spec, { classes: classes + 1, features, sign: backbone.sign });
  return withCodes(modelOn(backbone, next), Uint32Array.from([...slots, slot]));
}
