import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/**
 * Starts the worker `name` in the folder of a module: compiled, or from TypeScript where that module is TypeScript (tests
 * and `tsx`).
 *
 * @param beside the module's `import.meta.url`.
 * @param name the worker's file without its ending.
 */
export function startWorker(beside: string, name: string, workerData: unknown): Worker {
  if (!beside.endsWith('.ts')) {
    return new Worker(new URL(`./${name}.js`, beside), { workerData, execArgv: [] });
  }
  // Node 20 ignores a loader named on a worker's command line, so the worker loads tsx itself.
  const api = JSON.stringify(createRequire(import.meta.url).resolve('tsx/cjs/api'));
  const file = JSON.stringify(new URL(`./${name}.ts`, beside).href);
  return new Worker(`require(${api}).require(${file}, ${file});`, { eval: true, workerData, execArgv: [] });
}
