import { CommanderError } from 'commander';
import { FixheadError } from '../core/errors.ts';
import { exitCodes, type OutputStream } from './io.ts';

/** Commander's ways of ending a program that is done: help or version was asked for and printed. */
const asked = new Set(['commander.helpDisplayed', 'commander.version']);

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Prints what went wrong, for a reader, and gives the exit code. A stack is printed only where it was asked for. */
export function reportFailure(error: unknown, stderr: OutputStream, verbose: boolean): number {
  // Commander has printed its own messages.
  if (error instanceof CommanderError) return asked.has(error.code) ? exitCodes.done : exitCodes.wrongUse;
  if (isAbort(error)) {
    stderr.write('stopped\n');
    return exitCodes.interrupted;
  }
  const bug = !(error instanceof FixheadError) || error.kind === 'internal';
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`error: ${message}\n`);
  if (verbose) stderr.write(`${traceOf(error)}\n`);
  else if (bug) stderr.write('This is a mistake in fixhead, not in your input; --verbose shows where it happened.\n');
  return error instanceof FixheadError && error.kind === 'usage' ? exitCodes.wrongUse : exitCodes.failed;
}

/** The stack of an error and of what caused it. */
function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${traceOf(error.cause)}`;
}
