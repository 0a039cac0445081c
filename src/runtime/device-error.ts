import { inputError, type FixheadError } from '../core/errors.ts';
import type { Device } from './runtime.ts';

/** The error for a device that this machine cannot offer. */
export function deviceMissing(
  device: Device,
  reason: string,
  fields: { readonly hint: string; readonly cause?: unknown },
): FixheadError {
  return inputError(`this device cannot be used: ${reason}`, {
    where: `device ${device}`,
    ...fields,
    hint: `${fields.hint}, or use --device cpu`,
  });
}
