import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from './lock.ts';
import { stateOf, thisProcess } from './process-identity.ts';

let folder = '';
let children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-lock-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await rm(folder, { recursive: true });
});

/** A process that runs `script`, in which `lockFolder` and `folder` are known; it goes on when it has written a line. */
function start(script: string): ChildProcess {
  const source = `
    import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
    const folder = ${JSON.stringify(folder)};
    ${script}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error('ended without a line');
}

const holding = `await lockFolder(folder); console.log('locked'); setInterval(() => {}, 1000);`;

describe('lockFolder', () => {
  it('lets one process in, names it to others, and is free at once when that process is killed', async () => {
    const child = start(holding);
    expect(await firstLine(child)).toBe('locked');
    await expect(lockFolder(folder)).rejects.toThrow(
      `${folder}: in use by process ${child.pid ?? 0}; wait until it has ended, or choose another folder`,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readdir(folder)).toHaveLength(1);
    const lock = await lockFolder(folder);
    const claims = await readdir(folder);
    expect(claims).toHaveLength(1);
    expect(JSON.parse(await readFile(join(folder, claims[0] ?? ''), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not let a process in twice, and lets it in again after the release', async () => {
    {
      await using _lock = await lockFolder(folder);
      await expect(lockFolder(folder)).rejects.toThrow(`in use by this process (${process.pid})`);
    }
    await using _again = await lockFolder(folder);
    expect(await readdir(folder)).toHaveLength(1);
  });

  it('is never held by two of several processes that race for the lock of a dead one', async () => {
    await writeFile(
      join(folder, '.lock-000000000000.json'),
      JSON.stringify({ ...(await thisProcess()), started: 'long ago' }),
    );
    const log = join(folder, 'log');
    const script = `
      import { appendFileSync } from 'node:fs';
      import { setTimeout as delay } from 'node:timers/promises';
      const log = (word) => appendFileSync(${JSON.stringify(log)}, word + ' ' + process.pid + '\\n');
      for (let entered = 0; entered < 20; ) {
        const lock = await lockFolder(folder).catch((error) => {
          if (!error.message.includes('in use by process')) throw error;
        });
        if (lock === undefined) continue;
        entered += 1;
        log('enter');
        await delay(2);
        log('leave');
        await lock[Symbol.asyncDispose]();
        await delay(5);
      }`;
    const exits = [1, 2, 3].map(async () => (await once(start(script), 'exit')) as [number | null]);
    for (const [code] of await Promise.all(exits)) expect(code).toBe(0);
    const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(3 * 20 * 2);
    for (let at = 0; at < lines.length; at += 2) {
      const pid = lines[at]?.split(' ')[1] ?? '';
      expect(lines.slice(at, at + 2)).toEqual([`enter ${pid}`, `leave ${pid}`]);
    }
  });

  it('does not take over the lock of another host, whose processes it cannot see', async () => {
    const file = join(folder, '.lock-000000000000.json');
    await writeFile(file, JSON.stringify({ pid: 7, host: 'elsewhere', started: '' }));
    await expect(lockFolder(folder)).rejects.toThrow(
      `in use by process 7 on the host elsewhere; whether it still runs cannot be seen from here; if it has ended, remove ${file}`,
    );
    expect(await readdir(folder)).toEqual(['.lock-000000000000.json']);
  });

  it('does not take over a lock that it cannot read', async () => {
    const file = join(folder, '.lock-000000000000.json');
    await writeFile(file, '{"pid":');
    await expect(lockFolder(folder)).rejects.toThrow(`in use by another process; if there is none, remove ${file}`);
  });

  it('says where a lock cannot be written', async () => {
    await expect(lockFolder(join(folder, 'none'))).rejects.toThrow(/none.*cannot be written; received ENOENT/);
  });
});

describe('stateOf', () => {
  it('knows this process, and a later process that got its id', async () => {
    const own = await thisProcess();
    expect(own).toMatchObject({ pid: process.pid, host: hostname() });
    expect(await stateOf(own)).toBe('alive');
    expect(await stateOf({ ...own, host: 'elsewhere' })).toBe('unknown');
    // Windows does not tell when a process was started.
    if (own.started !== '') expect(await stateOf({ ...own, started: 'another time' })).toBe('dead');
  });

  it.skipIf(process.platform !== 'linux')('counts a killed process that nobody collected as dead', async () => {
    // The shell becomes a program that never waits for the child it inherits.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(parent);
    const pid = Number(await firstLine(parent));
    while (!/^\d+ \(.*\) Z/.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await delay(5);
    expect(() => process.kill(pid, 0)).not.toThrow();
    expect(await stateOf({ pid, host: hostname(), started: '' })).toBe('dead');
  });
});
