import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * The folders in which datasets are kept, in the order in which they are searched; the first one receives downloads.
 *
 * `cacheDirectory` if given, then `$FIXHEAD_DATA` if set, then `fixhead/datasets` in the user's cache folder: `$XDG_CACHE_HOME` if set,
 * otherwise `~/.cache`, `~/Library/Caches` (macOS) or `%LOCALAPPDATA%` (Windows).
 */
export function dataRoots(cacheDirectory?: string): readonly [string, ...string[]] {
  const roots = [join(userCache(), 'fixhead', 'datasets')];
  const { FIXHEAD_DATA: data } = process.env;
  if (data !== undefined && data !== '') roots.unshift(resolve(data));
  if (cacheDirectory !== undefined) roots.unshift(resolve(cacheDirectory));
  const [first = '', ...rest] = [...new Set(roots)];
  return [first, ...rest];
}

function userCache(): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (xdg !== undefined && xdg !== '') return resolve(xdg);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  if (process.platform === 'win32') return local ?? join(homedir(), 'AppData', 'Local');
  return join(homedir(), '.cache');
}
