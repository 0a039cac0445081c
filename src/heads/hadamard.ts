import { usageError } from '../core/errors.ts';
import { hadamardMatrix, isHadamardOrder, nearestHadamardOrders } from './constructions/hadamard-matrix.ts';
import { basisSet, mostBases, provenSets } from './constructions/basis-sets.ts';
import { identityDiagonal, type DiagonalFamily } from './constructions/sign-diagonals.ts';
import { orthogonalCapacity, type Geometry, type GeometryRequest } from './geometry.ts';
import { signedBasesGeometry } from './signed-bases.ts';

/** A request that may insist on a Hadamard matrix of exactly N rows. */
export interface HadamardRequest extends GeometryRequest {
  /** Refuse N that no known Hadamard matrix has (default: the largest known order below N, on that many of the features). */
  readonly exact?: boolean;
}

/** The order that N features get. @throws a usage error for N < 2, or where an exact order was asked for and none is known. */
function orderFor({ features, exact = false }: HadamardRequest): number {
  if (!Number.isInteger(features) || features < 2)
    throw usageError('a hadamard head needs at least 2 features', { received: String(features) });
  const { below, above } = nearestHadamardOrders(features);
  if (exact && !isHadamardOrder(features)) {
    throw usageError(`no Hadamard matrix of order ${features} is known here`, {
      legal: [String(below), String(above)],
      hint: 'leave "exact" out to use the largest known order below it, or choose an orthonormal head, which takes any number of features',
    });
  }
  return below;
}

function constructionText(matrix: { readonly construction: string; readonly order: number }, features: number): string {
  const part = matrix.order === features ? '' : `, on ${matrix.order} of ${features} features`;
  return `${matrix.construction}${part}`;
}

/** How many class vectors cosets of one order offer. */
const cosetCapacity = (order: number, signs: boolean): number => (signs ? 2 : 1) * order * mostBases(order);

/**
 * The order that cosets for that many classes have: the largest known one, or, where that offers too
 * few, the largest power of two below it.
 */
function cosetOrder(request: HadamardRequest, signs: boolean): number {
  const order = orderFor(request);
  const powerOfTwo = 2 ** Math.floor(Math.log2(order));
  return request.exact === true ||
    request.classes <= cosetCapacity(order, signs) ||
    cosetCapacity(order, signs) >= cosetCapacity(powerOfTwo, signs)
    ? order
    : powerOfTwo;
}

const alternatives = 'a random head takes any number of classes, and so does a learned one';

function refuse(kind: string, capacity: number, { classes, features, sign }: GeometryRequest, hint: string): never {
  throw usageError(`more classes than a ${kind} head has vectors`, {
    expected: `at most ${capacity} classes for ${features} ${sign} features`,
    received: `${classes} classes`,
    hint,
  });
}

/** Rows of one Hadamard matrix: orthonormal. C ≤ n, or n − 1 for non-negative features, whose constant row nobody gets. */
function rowsGeometry(request: HadamardRequest, order: number, capacity: number): Geometry {
  const { classes, features } = request;
  const matrix = hadamardMatrix(order);
  return signedBasesGeometry({
    kind: 'rows',
    construction: constructionText(matrix, features),
    features,
    classes,
    capacity,
    coherence: 0,
    matrix,
    diagonals: identityDiagonal(order),
    antipodal: false,
    firstRow: classes < order ? 1 : 0,
  });
}

/**
 * Biorthogonal class vectors: rows of one Hadamard matrix of order n ≤ N and their negatives, divided by √n. C ≤ 2n (2n − 2 for
 * non-negative features); the cosine of two different vectors is 0 or −1. One fast transform serves 2n classes.
 *
 * @throws a usage error for more classes, or where `exact` is asked for and N has no known Hadamard matrix.
 */
export function biorthogonalGeometry(request: HadamardRequest): Geometry {
  const order = orderFor(request);
  const capacity = 2 * orthogonalCapacity(order, request.sign);
  const { classes, features } = request;
  if (classes > capacity) refuse('biorthogonal', capacity, request, `a coset head has more; ${alternatives}`);
  const matrix = hadamardMatrix(order);
  return signedBasesGeometry({
    kind: 'biorthogonal',
    construction: `±rows of ${constructionText(matrix, features)}`,
    features,
    classes,
    capacity,
    coherence: 0,
    matrix,
    diagonals: identityDiagonal(order),
    antipodal: true,
    firstRow: classes <= 2 * (order - 1) ? 1 : 0,
  });
}

/** A request for cosets, with the negatives of all vectors or without. */
export interface CosetRequest extends HadamardRequest {
  /** Whether the negative of a class vector serves another class: twice as many classes of one transform. */
  readonly signs: boolean;
}

/**
 * Coset class vectors: D_a·H[j]/√n for many sign diagonals D_a. Vectors of one basis are orthogonal; of two bases |cos| ≤
 * `coherence`: 1/√n for n = 4^k (Kerdock, up to n/2 bases), √(2/n) for other powers of two (Gold, n bases), and more for more
 * bases (Delsarte–Goethals: 2, 4, … times that). An order that is no power of two repeats the signs of its Sylvester factor or
 * takes random ones, whose coherence holds with probability 1 − 10⁻⁶.
 *
 * @throws a usage error for more classes than the largest of these sets, or where `exact` is asked for and N has no known Hadamard matrix.
 */
export function cosetGeometry(request: CosetRequest): Geometry {
  const { classes, features, signs } = request;
  const order = cosetOrder(request, signs);
  const capacity = cosetCapacity(order, signs);
  if (classes > capacity) refuse('coset', capacity, request, cosetHint(request, order));
  const matrix = hadamardMatrix(order);
  const bases = Math.ceil(classes / (signs ? 2 * order : order));
  const diagonals = basisSet(order, bases);
  return signedBasesGeometry({
    kind: 'coset',
    construction: `${bases} ${familyName[diagonals.family]} of ${signs ? '±rows of ' : ''}${constructionText(matrix, features)}`,
    features,
    classes,
    capacity,
    coherence: bases === 1 ? 0 : diagonals.coherence,
    matrix,
    diagonals,
    antipodal: signs,
    firstRow: 0,
  });
}

const familyName = {
  identity: 'basis',
  kerdock: 'Kerdock bases',
  gold: 'Gold bases',
  'delsarte-goethals': 'Delsarte–Goethals bases',
  random: 'randomly signed bases',
} as const satisfies Record<DiagonalFamily, string>;

function cosetHint({ classes, signs }: CosetRequest, order: number): string {
  const withSigns = !signs && classes <= cosetCapacity(order, true) ? 'with signs=on there is room; ' : '';
  let enough = order * 2;
  while (cosetCapacity(enough, true) < classes) enough *= 2;
  return `${withSigns}a backbone with ${enough} features has room; ${alternatives}`;
}

/**
 * Class vectors from Hadamard matrices for any C and N: the first of these that has room, on the largest known order n ≤ N.
 *
 * 1. rows of H/√n, orthonormal: C ≤ n − 1 (n for signed features);
 * 2. ±rows: C ≤ 2n − 2 (2n for signed features);
 * 3. cosets of the smallest coherence that has room, without their negatives if possible.
 *
 * Row 0 of H is constant. Non-negative features have a large product with it whatever the image shows, so 1 and 2 leave it out
 * where they can; cosets cannot, and want features that are centred first (`balanced` is false).
 *
 * @throws a usage error for more classes than cosets offer, or where `exact` is asked for and N has no known Hadamard matrix.
 */
export function hadamardGeometry(request: HadamardRequest): Geometry {
  const { classes, sign } = request;
  const order = orderFor(request);
  const capacity = cosetCapacity(cosetOrder(request, true), true);
  const rows = orthogonalCapacity(order, sign);
  if (classes <= rows) return rowsGeometry(request, order, capacity);
  if (classes <= 2 * rows) return { ...biorthogonalGeometry(request), capacity };
  if (classes > capacity) refuse('hadamard', capacity, request, cosetHint({ ...request, signs: true }, order));
  const used = cosetOrder(request, true);
  const [best] = provenSets(used).filter(({ bases }) => classes <= 2 * used * bases);
  const signs = best === undefined ? classes > cosetCapacity(used, false) : classes > used * best.bases;
  return { ...cosetGeometry({ ...request, signs }), capacity };
}
