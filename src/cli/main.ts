#!/usr/bin/env node
import { exitCodes } from './io.ts';
import { runCli } from './program.ts';

/**
 * Under npm, Ctrl-C arrives twice: from the terminal and passed on by npm. Only a signal that comes this much later is a
 * second wish. (A step of ONNX Runtime blocks the thread, so signals are seen between steps.)
 */
const SECOND_SIGNAL_MS = 1000;
const terminated = 143;

const interruption = new AbortController();
const first: { at?: number; signal?: NodeJS.Signals } = {};
const state = { training: false };

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const now = performance.now();
    if (first.at === undefined && state.training) {
      Object.assign(first, { at: now, signal });
      process.stderr.write('\nstopping after this step; once more to stop at once\n');
      interruption.abort();
    } else if (first.at === undefined || now - first.at > SECOND_SIGNAL_MS) {
      // The bar hides the cursor and turns line wrapping off.
      if (process.stderr.isTTY) process.stderr.write('\u001B[?25h\u001B[?7h\n');
      process.exit(signal === 'SIGTERM' ? terminated : exitCodes.interrupted);
    }
  });
}

// A reader that went away (`| head`) is no failure of ours: what is left to say is not said.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: Error & { readonly code?: string }) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const code = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  onTraining: () => {
    state.training = true;
  },
  env: process.env,
});
process.exitCode = code === exitCodes.interrupted && first.signal === 'SIGTERM' ? terminated : code;
