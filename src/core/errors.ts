/**
 * Errors for the reader: what was given, what was expected, what is legal, where.
 *
 * `usage` is a wrong command line or API call (exit code 2), `input` is bad data from outside (exit code 1),
 * `internal` is our own mistake and says so.
 */
export type ErrorKind = 'usage' | 'input' | 'internal';

/** The parts of an error, for programs that handle it; the message is composed of them. */
export interface ErrorFields {
  /** Where it happened: a file, an option, an operator and its node path. */
  readonly where?: string;
  readonly expected?: string;
  readonly received?: string;
  /** The choices that would have been accepted. */
  readonly legal?: readonly string[];
  /** What the reader can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Every error that fixhead throws on purpose. `message` is for people, `kind` and `fields` are for programs. */
export class FixheadError extends Error {
  readonly kind: ErrorKind;
  readonly fields: ErrorFields;

  constructor(kind: ErrorKind, summary: string, fields: ErrorFields = {}) {
    super(composeMessage(kind, summary, fields), fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'FixheadError';
    this.kind = kind;
    this.fields = Object.freeze({ ...fields });
  }
}

function composeMessage(kind: ErrorKind, summary: string, fields: ErrorFields): string {
  const parts = [kind === 'internal' ? `internal: ${summary}` : summary];
  if (fields.where !== undefined) parts[0] = `${fields.where}: ${parts[0] ?? ''}`;
  const facts: string[] = [];
  if (fields.expected !== undefined) facts.push(`expected ${fields.expected}`);
  if (fields.received !== undefined) facts.push(`received ${fields.received}`);
  if (facts.length > 0) parts.push(facts.join(', '));
  if (fields.legal !== undefined && fields.legal.length > 0) parts.push(`choose from ${fields.legal.join(', ')}`);
  if (fields.hint !== undefined) parts.push(fields.hint);
  return parts.join('; ');
}

/** A wrong call or command line. */
export function usageError(summary: string, fields?: ErrorFields): FixheadError {
  return new FixheadError('usage', summary, fields);
}

/** Bad data from outside: a file, an image, a model, a number that training produced. */
export function inputError(summary: string, fields?: ErrorFields): FixheadError {
  return new FixheadError('input', summary, fields);
}

/** Our own mistake: reaching this is a bug in fixhead. */
export function internalError(summary: string, fields?: ErrorFields): FixheadError {
  return new FixheadError('internal', summary, fields);
}

/** The value, or an internal error where `undefined` would be a bug of ours. */
export function defined<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw internalError(`${what} is missing`);
  return value;
}
