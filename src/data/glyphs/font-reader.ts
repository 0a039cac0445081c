import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { internalError } from '../../core/errors.ts';
import type { Face, FaceRequest, FontReply, FontRequest, FontWorkerData } from './font-worker.ts';
import type { Pictures } from './raster.ts';

/** A font that cannot be read; the message is the reason, for a note. */
export class FontFailure extends Error {}

/** Reads fonts on a few threads. Release it with `await using`. */
export interface FontReader extends AsyncDisposable {
  /** The faces of a file. Rejects with a {@link FontFailure} for a broken one. */
  readonly inspect: (path: string) => Promise<readonly Face[]>;
  /** Pictures of some characters of the faces of a file, a part for each. Rejects with a {@link FontFailure} for a broken one. */
  readonly draw: (
    path: string,
    faces: readonly FaceRequest[],
    onDrawn?: (count: number) => void,
  ) => Promise<readonly Pictures[]>;
}

/** A font that gives no sign of life for so long is given up; a large collection takes a few seconds on a slow machine. */
const patienceMs = 60_000;
/** A damaged table can ask for any amount of memory. */
const resourceLimits = { maxOldGenerationSizeMb: 3072 };

interface Lane {
  worker: Worker | undefined;
  busy: boolean;
}

/** Opens a reader for pictures of a size and for the characters `wanted`. `patience` is in milliseconds. */
export function openFontReader(data: FontWorkerData, patience = patienceMs): FontReader {
  const lanes: Lane[] = Array.from({ length: Math.max(1, Math.min(8, availableParallelism())) }, () => ({
    worker: undefined,
    busy: false,
  }));
  const queue: ((lane: Lane) => void)[] = [];

  const withLane = async <T>(work: (lane: Lane) => Promise<T>): Promise<T> => {
    const free = lanes.find(({ busy }) => !busy);
    const lane = free ?? (await new Promise<Lane>((resolve) => queue.push(resolve)));
    lane.busy = true;
    try {
      return await work(lane);
    } finally {
      const next = queue.shift();
      if (next === undefined) lane.busy = false;
      else next(lane);
    }
  };

  /** Sends a request and hands on every reply until `take` says that it was the last. */
  const ask = (lane: Lane, request: FontRequest, take: (reply: FontReply) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = (lane.worker ??= startWorker(data));
      let timer: NodeJS.Timeout | undefined;
      const end = (failure?: Error): void => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const giveUp = (reason: string): void => {
        lane.worker = undefined;
        end(new FontFailure(reason));
        // Whatever a failed worker still reports is of no interest.
        worker.on('error', () => undefined);
        void worker.terminate();
      };
      const watch = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          giveUp(`no answer within ${patience / 1000} s`);
        }, patience);
      };
      const onMessage = (reply: FontReply): void => {
        watch();
        if (reply.kind === 'error') end(new FontFailure(reply.reason));
        else if (take(reply)) end();
      };
      const onError = (error: unknown): void => {
        giveUp(error instanceof Error ? error.message : String(error));
      };
      const onExit = (code: number): void => {
        giveUp(`the reader ended with code ${code}`);
      };
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      watch();
      worker.postMessage(request);
    });

  return Object.freeze({
    inspect: (path: string) =>
      withLane(async (lane) => {
        let faces: readonly Face[] | undefined;
        await ask(lane, { kind: 'inspect', path }, (reply) => {
          if (reply.kind === 'faces') ({ faces } = reply);
          return true;
        });
        if (faces === undefined) throw internalError('a font reader answered another question');
        return faces;
      }),
    draw: (path: string, faces: readonly FaceRequest[], onDrawn?: (count: number) => void) =>
      withLane(async (lane) => {
        const count = faces.reduce((sum, { codePoints }) => sum + codePoints.length, 0);
        const plane = data.height * data.width;
        const outcomes = new Uint8Array(count);
        const pixels = new Uint8Array(count * plane);
        let drawn = 0;
        await ask(lane, { kind: 'draw', path, faces }, (reply) => {
          if (reply.kind !== 'pictures') return true;
          outcomes.set(reply.outcomes, drawn);
          pixels.set(reply.pixels, drawn * plane);
          drawn += reply.outcomes.length;
          onDrawn?.(reply.outcomes.length);
          return false;
        });
        let end = 0;
        return faces.map(({ codePoints }) => {
          const start = end;
          end += codePoints.length;
          return { pixels: pixels.subarray(start * plane, end * plane), outcomes: outcomes.subarray(start, end) };
        });
      }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(lanes.map(async ({ worker }) => await worker?.terminate()));
    },
  });
}

/** Starts the worker beside this file: compiled, or from TypeScript where this file is TypeScript (tests and `tsx`). */
function startWorker(workerData: FontWorkerData): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./font-worker.js', import.meta.url), { workerData, resourceLimits, execArgv: [] });
  }
  // Node 20 ignores a loader named on a worker's command line, so the worker loads tsx itself.
  const api = JSON.stringify(createRequire(import.meta.url).resolve('tsx/cjs/api'));
  const file = JSON.stringify(new URL('./font-worker.ts', import.meta.url).href);
  return new Worker(`require(${api}).require(${file}, ${file});`, {
    eval: true,
    workerData,
    resourceLimits,
    execArgv: [],
  });
}
