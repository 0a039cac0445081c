import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { inputError } from '../core/errors.ts';
import { reasonOf } from './files.ts';
import type { OnDataProgress } from './progress.ts';

export interface Download {
  /** Where the file can be had; tried in this order. */
  readonly urls: readonly string[];
  readonly destination: string;
  /** Published MD5 (hex). It guards against a damaged or changed file; without any checksum only the length is checked. */
  readonly md5?: string;
  /** Published SHA-1 (hex), for files whose MD5 is not published. */
  readonly sha1?: string;
  readonly onProgress?: OnDataProgress;
}

/**
 * Downloads a file to `destination`.
 *
 * The bytes go to `destination.part`, which stays when the connection breaks and is continued by the next call (HTTP `Range`). The file gets its
 * name only when it is whole and its checksum is right. Input errors say for each address what happened.
 */
export async function downloadFile(download: Download): Promise<void> {
  const failures: string[] = [];
  await mkdir(dirname(download.destination), { recursive: true });
  for (const url of download.urls) {
    try {
      await downloadFrom(url, download);
      return;
    } catch (error) {
      if (!(error instanceof DownloadFailure)) throw error;
      failures.push(`${url}: ${error.message}`);
    }
  }
  throw inputError(`cannot download ${basename(download.destination)}`, {
    received: failures.join(', then '),
    hint: `check the network and try again (what has arrived is kept and continued), or get the file in another way and put it at ${download.destination}`,
  });
}

/** What went wrong with one address; another one may work. */
class DownloadFailure extends Error {}

async function downloadFrom(url: string, download: Download): Promise<void> {
  const part = `${download.destination}.part`;
  const kept = await sizeOfFile(part);
  await receive(url, part, kept, download);
  const problem = (await checksumProblem(part, 'md5', download)) ?? (await checksumProblem(part, 'sha1', download));
  if (problem !== undefined) {
    await rm(part);
    // The kept beginning may have come from an older or another file: once more from the start.
    if (kept > 0) {
      await downloadFrom(url, download);
      return;
    }
    throw new DownloadFailure(problem);
  }
  await rename(part, download.destination);
}

async function receive(url: string, part: string, kept: number, { onProgress, destination }: Download): Promise<void> {
  // Without 'identity' a server may compress again, and a range would count compressed bytes.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (kept > 0) headers['range'] = `bytes=${kept}-`;
  const response = await fetch(url, { headers }).catch((error: unknown) => {
    throw new DownloadFailure(connectionProblem(error));
  });
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 416) {
    await response.body?.cancel();
    if (range?.[2] === String(kept)) return;
    await rm(part, { force: true });
    await receive(url, part, 0, { urls: [], destination, ...(onProgress === undefined ? {} : { onProgress }) });
    return;
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new DownloadFailure(`the server answered ${response.status} ${response.statusText}`.trimEnd());
  }
  const continued = response.status === 206 && range?.[1] === String(kept);
  if (response.status === 206 && !continued) {
    await response.body.cancel();
    await rm(part, { force: true });
    throw new DownloadFailure('the server answered with another part of the file than the one asked for');
  }
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  let done = continued ? kept : 0;
  const total = Number.isFinite(length) ? done + length : undefined;
  const report = (): void => {
    onProgress?.({
      phase: 'download',
      what: basename(destination),
      done,
      ...(total === undefined ? {} : { total }),
      unit: 'bytes',
    });
  };
  const file = await open(part, continued ? 'a' : 'w');
  try {
    report();
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      await file.appendFile(chunk);
      done += chunk.length;
      report();
    }
    await file.sync();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) {
      throw inputError('cannot be written', { where: part, received: reasonOf(error), cause: error });
    }
    throw new DownloadFailure(`the connection broke after ${bytesText(done, total)}: ${connectionProblem(error)}`);
  } finally {
    await file.close();
  }
  if (total !== undefined && done !== total) {
    throw new DownloadFailure(`the file ended after ${bytesText(done, total)}`);
  }
}

function bytesText(done: number, total: number | undefined): string {
  return total === undefined ? `${done} bytes` : `${done} of ${total} bytes`;
}

/** `fetch` says only "fetch failed"; the reason is in its cause. */
function connectionProblem(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? reasonOf(error) : `${reasonOf(error)} (${reasonOf(cause)})`;
}

async function sizeOfFile(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined);
  return found?.size ?? 0;
}

async function checksumProblem(
  file: string,
  algorithm: 'md5' | 'sha1',
  { [algorithm]: expected }: Download,
): Promise<string | undefined> {
  if (expected === undefined) return undefined;
  const found = await hashOf(file, algorithm);
  const name = { md5: 'MD5', sha1: 'SHA-1' }[algorithm];
  return found === expected ? undefined : `wrong checksum: expected ${name} ${expected}, received ${found}`;
}

/** MD5 (hex) of a file. */
export async function md5Of(file: string): Promise<string> {
  return await hashOf(file, 'md5');
}

/** MD5 or SHA-1 (hex) of a file. */
export async function hashOf(file: string, algorithm: 'md5' | 'sha1'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest('hex');
}
