import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { inputError, internalError } from '../src/core/errors.ts';

/**
 * Who is measured: a process of its own, so that its peak memory is its own and its threads are not another's. It reads one JSON
 * document a line and answers each with one line:
 *
 * - the first line is its options; the answer `{ready: FACTS}`, or `{missing: REASON}` if it cannot run here;
 * - `{run: COUNT}` → `{milliseconds: [...]}`, the time of each of COUNT calls, taken inside the process;
 * - `{memory: true}` → `{peakMegabytes}`.
 *
 * It ends when its standard input does.
 */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly run: (count: number) => Promise<readonly number[]>;
  readonly peakMegabytes: () => Promise<number>;
}

/** A contender that cannot run on this machine. */
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

export const isMissing = (candidate: Contender | Missing): candidate is Missing => 'missing' in candidate;

const readyAnswer = z.union([z.object({ ready: z.record(z.string(), z.string()) }), z.object({ missing: z.string() })]);
const runAnswer = z.object({ milliseconds: z.array(z.number().nonnegative()) });
const memoryAnswer = z.object({ peakMegabytes: z.number().positive() });

export type ContenderOptions = Readonly<Record<string, string | number>>;

const root = fileURLToPath(new URL('..', import.meta.url));
const EXIT_MILLISECONDS = 5000;
const STDERR_TAIL = 2000;

/** A contender of ours: a TypeScript file under `bench/contenders`. */
export function openOurs(name: string, file: string, options: ContenderOptions): Promise<Contender | Missing> {
  return openProgram(name, process.execPath, ['--import', 'tsx', `bench/contenders/${file}`], options);
}

/** A contender in Python: a file under `bench/peers`, run by the first of `interpreters` that has what it imports. */
export async function openPython(
  name: string,
  file: string,
  options: ContenderOptions,
  interpreters: readonly string[],
): Promise<Contender | Missing> {
  const reasons: string[] = [];
  for (const interpreter of interpreters) {
    const found = await openProgram(name, interpreter, [`bench/peers/${file}`], options);
    if (!isMissing(found)) return found;
    reasons.push(found.missing);
  }
  return { name, missing: reasons.at(-1) ?? 'no Python interpreter was named' };
}

/** Any program that keeps to the conversation. */
export async function openProgram(
  name: string,
  command: string,
  parameters: readonly string[],
  options: ContenderOptions,
): Promise<Contender | Missing> {
  const child = spawn(command, parameters, { cwd: root, stdio: 'pipe' });
  const started = await new Promise<Error | undefined>((resolve) => {
    child.once('spawn', () => {
      resolve(undefined);
    });
    child.once('error', resolve);
  });
  if (started !== undefined) return { name, missing: `${command} is not installed` };
  const lines = conversation(name, child);
  try {
    const answer = readyAnswer.parse(await lines.ask(options));
    if ('missing' in answer) {
      await close(child);
      return { name, missing: answer.missing };
    }
    return Object.freeze({
      name,
      facts: answer.ready,
      run: async (count: number) => {
        const { milliseconds } = runAnswer.parse(await lines.ask({ run: count }));
        if (milliseconds.length !== count)
          throw internalError('a contender answered another number of times', { where: name });
        return milliseconds;
      },
      peakMegabytes: async () => memoryAnswer.parse(await lines.ask({ memory: true })).peakMegabytes,
      [Symbol.asyncDispose]: () => close(child),
    });
  } catch (problem) {
    await close(child);
    throw problem;
  }
}

/** Questions and answers, one line each. */
function conversation(name: string, child: ChildProcessWithoutNullStreams) {
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-STDERR_TAIL);
  });
  // A child that has gone shows in the missing answer, with its own words.
  child.stdin.on('error', () => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (question: ContenderOptions | { readonly memory: true }): Promise<unknown> => {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const answer = await answers.next();
      if (answer.done === true) {
        throw inputError('the contender ended without an answer', {
          where: name,
          ...(complaints === '' ? {} : { received: complaints.trim() }),
        });
      }
      return JSON.parse(answer.value) as unknown;
    },
  };
}

async function close(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  const patience = setTimeout(() => child.kill('SIGKILL'), EXIT_MILLISECONDS);
  child.stdin.end();
  await ended;
  clearTimeout(patience);
}
