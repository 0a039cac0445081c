import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { codeOf } from './atomic.ts';

/** Tells one process from every other one, also from a later one that gets the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** When it was started, in whatever form the system tells it; empty where it does not. */
  readonly started: string;
}

export async function thisProcess(): Promise<ProcessIdentity> {
  return { pid: process.pid, host: hostname(), started: (await startOf(process.pid)) ?? '' };
}

/** Whether the process lives; `unknown` for one of another host. */
export async function stateOf(other: ProcessIdentity): Promise<'alive' | 'dead' | 'unknown'> {
  if (other.host !== hostname()) return 'unknown';
  if (!isRunning(other.pid)) return 'dead';
  const started = await startOf(other.pid);
  if (started === undefined) return 'dead';
  return started === other.started || started === '' || other.started === '' ? 'alive' : 'dead';
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not permitted to signal it: it is there, and someone else's.
    return codeOf(error) === 'EPERM';
  }
}

/** When a process was started, empty where the system does not tell, `undefined` if it has ended. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return await startOnLinux(pid);
  if (process.platform === 'win32') return '';
  const options = { env: { ...process.env, LC_ALL: 'C' } };
  return await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], options).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}

/** The boot and the clock ticks since it: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
async function startOnLinux(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Killed, but not yet collected by its parent: in a container without an init process it stays so.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()} ${fields[19] ?? ''}`;
}
