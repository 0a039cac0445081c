import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/** A contender that is ready: one call to time, to be awaited, and what to tell about itself. */
export interface Ready {
  readonly facts: Readonly<Record<string, string>>;
  /** May return its time in milliseconds where only a part of it counts. */
  readonly call: () => Promise<number | undefined>;
}

const request = z.union([z.object({ run: z.int().positive() }), z.object({ memory: z.literal(true) })]);

/** The child's side of the conversation in contender.ts. `prepare` returns a reason if the contender cannot run here. */
export async function serve<Options>(
  schema: z.ZodType<Options>,
  prepare: (options: Options) => Promise<Ready | string>,
): Promise<void> {
  const answer = (value: object): void => {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  let ready: Ready | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const message: unknown = JSON.parse(line);
    if (ready === undefined) {
      const prepared = await prepare(schema.parse(message));
      if (typeof prepared === 'string') {
        answer({ missing: prepared });
        return;
      }
      ready = prepared;
      answer({ ready: ready.facts });
      continue;
    }
    const wanted = request.parse(message);
    if ('memory' in wanted) {
      answer({ peakMegabytes: peakMegabytes() });
      continue;
    }
    const milliseconds: number[] = [];
    for (let call = 0; call < wanted.run; call++) {
      const started = performance.now();
      const own = await ready.call();
      milliseconds.push(own ?? performance.now() - started);
    }
    answer({ milliseconds });
  }
}

/**
 * The largest resident size of this process in MB (10⁶ bytes). Linux tells it in `/proc`; `getrusage` would start from what the
 * parent held when it made this process.
 */
function peakMegabytes(): number {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kilobytes !== undefined) return (Number(kilobytes) * 1024) / 1e6;
  } catch {
    // Not Linux.
  }
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}
