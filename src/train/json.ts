import { internalError } from '../core/errors.ts';

/** What JSON can hold. Numbers must be finite: JSON has no NaN and no infinity. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Typed: `Array.isArray` alone turns a read-only list into `any[]`. */
export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/**
 * JSON text that reads back as the same value. `JSON.stringify` alone would write NaN and infinities as `null`.
 *
 * @throws FixheadError of kind `internal` naming the place of a number that JSON cannot hold.
 */
export function encodeJson(value: JsonValue, where: string, indent?: number): string {
  checkNumbers(value, where);
  return JSON.stringify(value, undefined, indent);
}

function checkNumbers(value: JsonValue, where: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw internalError('a number that JSON cannot hold', { where, expected: 'finite', received: String(value) });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) checkNumbers(part, `${where}.${key}`);
}

/** The value of a JSON text, or `undefined` where it is none. */
export function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
