import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import { headKinds, headSpec, type HeadKind, type HeadOptions, type HeadSpec } from './spec.ts';

type Parsed = Partial<HeadOptions> & { readonly seed?: number };

const syntax = 'NAME or NAME:option=value, as in hadamard:scale=10:bias=off';

function parseNumber(text: string, where: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw usageError('not a number', { where, received: text });
  return value;
}

function parseOption(key: string, value: string, where: string): Parsed {
  switch (key) {
    case 'scale':
      return { scale: value === 'learned' ? 'learned' : parseNumber(value, where) };
    case 'bias':
      if (value !== 'on' && value !== 'off')
        throw usageError('not a switch', { where, received: value, legal: ['on', 'off'] });
      return { bias: value === 'on' };
    case 'loss':
      if (value !== 'cross-entropy' && value !== 'cosine') {
        throw usageError('unknown loss', { where, received: value, legal: ['cross-entropy', 'cosine'] });
      }
      return { loss: value };
    case 'seed': {
      const seed = parseNumber(value, where);
      if (!Number.isInteger(seed)) throw usageError('a seed is an integer', { where, received: value });
      return { seed };
    }
    default:
      throw usageError(`unknown option ${key}`, {
        where,
        legal: ['scale', 'bias', 'loss', 'seed'],
        ...nearestOf(key, ['scale', 'bias', 'loss', 'seed']),
      });
  }
}

/** A head from its command-line form: `learned`, `hadamard:bias=off`, `orthonormal:seed=3:loss=cosine`. */
export function parseHead(text: string): HeadSpec {
  const [name = '', ...parts] = text.trim().split(':');
  const where = `head ${text}`;
  const kind = headKinds.find((candidate) => candidate === name);
  if (kind === undefined) throw usageError(`unknown head ${name}`, { legal: headKinds, ...nearestOf(name, headKinds) });
  const options = parts.reduce<Parsed>((parsed, part) => {
    const end = part.indexOf('=');
    if (end < 0) throw usageError('option without a value', { where, expected: syntax });
    const [key, value] = [part.slice(0, end), part.slice(end + 1)];
    if (key in parsed) throw usageError(`option ${key} is given twice`, { where });
    if (key === 'seed' && kind !== 'orthonormal') throw usageError('only an orthonormal head has a seed', { where });
    return { ...parsed, ...parseOption(key, value, where) };
  }, {});
  return headSpec(kind, options);
}

/** The shortest command-line form of a head: options at their defaults are left out. `parseHead` is its inverse. */
export function formatHead(spec: HeadSpec): string {
  const defaults = headSpec(spec.kind, { loss: spec.loss });
  const parts: string[] = [spec.kind satisfies HeadKind];
  if (spec.scale !== defaults.scale) parts.push(`scale=${spec.scale}`);
  if (spec.bias !== defaults.bias) parts.push(`bias=${spec.bias ? 'on' : 'off'}`);
  if (spec.loss !== 'cross-entropy') parts.push(`loss=${spec.loss}`);
  if (spec.kind === 'orthonormal' && spec.seed !== 0) parts.push(`seed=${spec.seed}`);
  return parts.join(':');
}
