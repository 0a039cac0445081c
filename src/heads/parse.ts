import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import {
  headKinds,
  headSpec,
  ownOptions,
  type HeadChoices,
  type HeadKind,
  type HeadSpec,
  type Margin,
  type OwnOptions,
} from './spec.ts';

const syntax = 'NAME or NAME:option=value, as in hadamard:scale=10:bias=off';

const sharedKeys = ['scale', 'bias', 'loss', 'center', 'cosface', 'arcface'] as const;
const keys = [...sharedKeys, 'seed', 'directions', 'exact', 'signs', 'file'] as const satisfies readonly (
  (typeof sharedKeys)[number] | keyof OwnOptions
)[];
type Key = (typeof keys)[number];

const keysOf = (kind: HeadKind): readonly Key[] => [...sharedKeys, ...ownOptions[kind]];

function parseNumber(text: string, where: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw usageError('not a number', { where, received: text });
  return value;
}

function parseSwitch(value: string, where: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw usageError('not a switch', { where, received: value, legal: ['on', 'off'] });
}

function oneOf<T extends string>(what: string, value: string, choices: readonly T[], where: string): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw usageError(`unknown ${what}`, { where, received: value, legal: choices, ...nearestOf(value, choices) });
}

const centers = { auto: 'auto', bn: 'batch-norm', none: 'none' } as const;

function parseOption(key: Key, value: string, where: string): HeadChoices {
  switch (key) {
    case 'scale':
      return { scale: value === 'learned' ? 'learned' : parseNumber(value, where) };
    case 'bias':
      return { bias: value === 'auto' ? 'auto' : parseSwitch(value, where) };
    case 'loss':
      return { loss: oneOf('loss', value, ['cross-entropy', 'cosine'], where) };
    case 'center':
      return {
        center: centers[oneOf('centring', value === 'batch-norm' ? 'bn' : value, ['auto', 'bn', 'none'], where)],
      };
    case 'cosface':
    case 'arcface':
      return { margin: { kind: key, value: parseNumber(value, where) } satisfies Margin };
    case 'seed': {
      const seed = parseNumber(value, where);
      if (!Number.isSafeInteger(seed)) throw usageError('a seed is an integer', { where, received: value });
      return { seed };
    }
    case 'directions':
      return { directions: oneOf('directions', value, ['signs', 'gaussian'], where) };
    case 'exact':
      return { exact: parseSwitch(value, where) };
    case 'signs':
      return { signs: parseSwitch(value, where) };
    case 'file':
      return { file: value };
    default:
      return key satisfies never;
  }
}

/** A colon that begins another option: what ends a path, which may have colons of its own (`C:\vectors.npy`). */
const separator = new RegExp(`^:(?:${keys.join('|')})=`);

/** A path up to the next option; two colons stand for one where it would otherwise be taken for a separator. */
function takePath(rest: string): { readonly value: string; readonly end: number } {
  let value = '';
  let end = 0;
  while (end < rest.length) {
    if (rest.startsWith('::', end)) end++;
    else if (separator.test(rest.slice(end))) break;
    value += rest[end] ?? '';
    end++;
  }
  return { value, end };
}

function formatPath(path: string): string {
  const ambiguous = path.includes('::') || path.endsWith(':') || keys.some((key) => path.includes(`:${key}=`));
  return ambiguous ? path.replaceAll(':', '::') : path;
}

/** The options behind a head's name, `key=value` with colons before each, in order. */
function* optionsIn(text: string, where: string): Generator<readonly [key: string, value: string]> {
  let rest = text;
  while (rest !== '') {
    rest = rest.slice(1);
    const [, key, first = ''] = /^([^:=]*)=([^:]*)/s.exec(rest) ?? [];
    if (key === undefined) throw usageError('option without a value', { where, expected: syntax });
    const behind = rest.slice(key.length + 1);
    const { value, end } = key === 'file' ? takePath(behind) : { value: first, end: first.length };
    yield [key, value];
    rest = behind.slice(end);
  }
}

/**
 * A head from its command-line form: `learned`, `hadamard:bias=off`, `coset:signs=on:scale=10:center=bn:cosface=0.2`,
 * `custom:file=vectors.npy`.
 *
 * @throws a usage error that names what would have been accepted.
 */
export function parseHead(text: string): HeadSpec {
  const trimmed = text.trim();
  const end = trimmed.indexOf(':');
  const name = end < 0 ? trimmed : trimmed.slice(0, end);
  const where = `head ${text}`;
  const kind = headKinds.find((candidate) => candidate === name);
  if (kind === undefined) throw usageError(`unknown head ${name}`, { legal: headKinds, ...nearestOf(name, headKinds) });
  const legal = keysOf(kind);
  const given = new Set<string>();
  let options: HeadChoices = {};
  for (const [option, value] of optionsIn(end < 0 ? '' : trimmed.slice(end), where)) {
    if (given.has(option)) throw usageError(`option ${option} is given twice`, { where });
    given.add(option);
    const key = legal.find((candidate) => candidate === option);
    if (key === undefined) {
      const known = keys.some((candidate) => candidate === option);
      throw usageError(known ? `a ${kind} head has no option ${option}` : `unknown option ${option}`, {
        where,
        legal,
        ...(known ? {} : nearestOf(option, legal)),
      });
    }
    if (given.has('cosface') && given.has('arcface')) throw usageError('two margins at once', { where });
    options = { ...options, ...parseOption(key, value, where) };
  }
  return headSpec(kind, options);
}

const onOff = (value: boolean): string => (value ? 'on' : 'off');

/** The shortest command-line form of a head: options at their defaults are left out. `parseHead` is its inverse. */
export function formatHead(spec: HeadSpec): string {
  const { kind, scale, bias, loss, center, margin } = spec;
  // A custom head has no default file.
  const defaults = headSpec(kind, spec.kind === 'custom' ? { loss, file: spec.file } : { loss });
  const parts: string[] = [kind];
  if (spec.kind === 'custom') parts.push(`file=${formatPath(spec.file)}`);
  if (scale !== defaults.scale) parts.push(`scale=${scale}`);
  if (bias !== defaults.bias) parts.push(`bias=${bias === 'auto' ? bias : onOff(bias)}`);
  if (loss !== 'cross-entropy') parts.push(`loss=${loss}`);
  if (center !== 'auto') parts.push(`center=${center === 'batch-norm' ? 'bn' : center}`);
  if (margin !== undefined) parts.push(`${margin.kind}=${margin.value}`);
  if (spec.kind === 'hadamard' && spec.exact) parts.push('exact=on');
  if (spec.kind === 'coset' && spec.signs) parts.push('signs=on');
  if (spec.kind === 'random' && spec.directions !== 'signs') parts.push(`directions=${spec.directions}`);
  if ((spec.kind === 'orthonormal' || spec.kind === 'random') && spec.seed !== 0) parts.push(`seed=${spec.seed}`);
  return parts.join(':');
}
