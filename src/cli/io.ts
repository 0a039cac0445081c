/** A stream that a command writes to: `process.stdout`, or a test's. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** What a command line needs from the process around it. */
export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Aborts to ask for an orderly end: save what there is and say how to go on. */
  readonly signal?: AbortSignal;
  /** Called when a training has begun: from then on an interruption must save first; before, there is nothing to save. */
  readonly onTraining?: () => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Exit codes of every command. */
export const exitCodes = Object.freeze({
  done: 0,
  failed: 1,
  wrongUse: 2,
  /** Stopped by Ctrl-C after saving: 128 + SIGINT, as shells report it, so that scripts can tell it from a failure. */
  interrupted: 130,
});

const DEFAULT_WIDTH = 120;

/** What one invocation of a command works with. */
export interface CliContext {
  readonly io: CliIo;
  /** The code that the process ends with; `done` unless a command says otherwise. */
  readonly setExitCode: (code: number) => void;
}

/** Prints a command's result: `--json` gives one document on stdout and everything for people goes to stderr. */
export function outputOf({ stdout, stderr, env }: CliIo, json: boolean) {
  const people = json ? stderr : stdout;
  return Object.freeze({
    /** For people: results as text. */
    print: (text: string): void => {
      people.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    /** For programs: the one document; nothing without `--json`. */
    document: (value: unknown): void => {
      if (json) stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
    },
    color: people.isTTY === true && !isSet(env['NO_COLOR']) && env['TERM'] !== 'dumb',
    width: people.columns ?? DEFAULT_WIDTH,
    terminal: people.isTTY === true,
  });
}

export type Output = ReturnType<typeof outputOf>;

/** By the convention of no-color.org: set to anything but nothing. */
export function isSet(variable: string | undefined): boolean {
  return variable !== undefined && variable !== '';
}
