import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inputError, type FixheadError } from '../core/errors.ts';
import { writeFileAtomically } from './atomic.ts';
import { decodeJson, isJsonObject } from './json.ts';
import { stateOf, thisProcess, type ProcessIdentity } from './process-identity.ts';

/** A folder that only this process writes to, until it is disposed of. */
export class FolderLock {
  readonly #claim: string;

  constructor(claim: string) {
    this.#claim = claim;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#claim, { force: true });
  }
}

const claimPattern = /^\.lock-[0-9a-f]{12}\.json$/;
const leftoverPattern = /^\.\.lock-[0-9a-f]{12}\.json\.[0-9a-f]{12}\.tmp$/;

/** Whether `name` is that of a file by which a process locks, or was about to lock, its folder. */
export function isLockName(name: string): boolean {
  return claimPattern.test(name) || leftoverPattern.test(name);
}

/**
 * Locks a folder for this process. The lock of a process that has ended, in whatever way, does not count and is removed.
 *
 * Each process puts a claim of its own into the folder (its id, start time and host) and only then looks for others: of
 * two processes at least one sees the other. No claim ever changes hands, so there is no moment in which a process
 * could remove a lock that has just become another's. That two see each other and both step back is possible; each tries
 * a few times. (The package proper-lockfile tells dead from alive by age: a killed run would stay locked for a while, and
 * one that was suspended would lose its lock.)
 *
 * @throws FixheadError of kind `input` naming the process that has the folder, or where a claim cannot be written.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const attempts = 4;
  for (let attempt = 1; ; attempt++) {
    const claim = join(folder, `.lock-${randomBytes(6).toString('hex')}.json`);
    await writeFileAtomically(claim, `${JSON.stringify(await thisProcess())}\n`);
    const holder = await findHolder(folder, basename(claim)).catch(async (error: unknown) => {
      await rm(claim, { force: true });
      throw error;
    });
    if (holder === undefined) return new FolderLock(claim);
    await rm(claim, { force: true });
    if (attempt === attempts) throw lockedBy(folder, holder);
    // Different times for different processes.
    await delay(10 + (randomBytes(1)[0] ?? 0) / 4);
  }
}

interface Holder {
  readonly file: string;
  /** Unknown where the claim cannot be read. */
  readonly process: ProcessIdentity | undefined;
}

/** Another living process's claim; those of dead ones are removed. */
async function findHolder(folder: string, own: string): Promise<Holder | undefined> {
  for (const name of (await readdir(folder)).filter((file) => claimPattern.test(file) && file !== own)) {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const process = parseIdentity(text);
    if (process === undefined || (await stateOf(process)) !== 'dead') return { file, process };
    await rm(file, { force: true });
  }
  return undefined;
}

function parseIdentity(text: string): ProcessIdentity | undefined {
  const value = decodeJson(text);
  if (!isJsonObject(value)) return undefined;
  const { pid, host, started } = value;
  if (typeof pid !== 'number' || typeof host !== 'string' || typeof started !== 'string') return undefined;
  return { pid, host, started };
}

function lockedBy(folder: string, { file, process: other }: Holder): FixheadError {
  const where = folder;
  if (other === undefined) {
    return inputError('in use by another process', { where, hint: `if there is none, remove ${file}` });
  }
  const { pid, host } = other;
  if (host !== hostname()) {
    return inputError(`in use by process ${pid} on the host ${host}`, {
      where,
      hint: `whether it still runs cannot be seen from here; if it has ended, remove ${file}`,
    });
  }
  const which = pid === process.pid ? `this process (${pid})` : `process ${pid}`;
  return inputError(`in use by ${which}`, { where, hint: 'wait until it has ended, or choose another folder' });
}
