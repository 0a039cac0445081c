import { z } from 'zod';
import { inputError } from '../core/errors.ts';
import { adam, adamw, sgd } from '../optim/optimizer.ts';
import { constantSchedule, cosineSchedule, stepSchedule } from '../optim/schedule.ts';
import type { Run } from '../train/run-folder.ts';

const adamOptions = { beta1: z.number(), beta2: z.number(), epsilon: z.number(), weightDecay: z.number() };
/** An optimiser as settings hold it. */
export const optimizer = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('sgd'), momentum: z.number(), nesterov: z.boolean(), weightDecay: z.number() }),
    z.object({ kind: z.literal('adam'), ...adamOptions }),
    z.object({ kind: z.literal('adamw'), ...adamOptions }),
  ])
  .transform((spec) => {
    switch (spec.kind) {
      case 'sgd':
        return sgd(spec);
      case 'adam':
        return adam(spec);
      case 'adamw':
        return adamw(spec);
      default:
        return spec satisfies never;
    }
  });

/** A schedule of the learning rate as settings hold it. */
export const schedule = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('constant'), warmupEpochs: z.number() }),
    z.object({
      kind: z.literal('step'),
      milestones: z.array(z.number()),
      factor: z.number(),
      warmupEpochs: z.number(),
    }),
    z.object({ kind: z.literal('cosine'), warmupEpochs: z.number() }),
  ])
  .transform((spec) => {
    switch (spec.kind) {
      case 'constant':
        return constantSchedule(spec);
      case 'step':
        return stepSchedule(spec.milestones, spec);
      case 'cosine':
        return cosineSchedule(spec);
      default:
        return spec satisfies never;
    }
  });

/** Without the optional keys that are undefined, which `exactOptionalPropertyTypes` tells apart from missing ones. */
export function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const cleaned = JSON.parse(JSON.stringify(value)) as unknown;
  return cleaned as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** The settings of a run of that kind. @throws an input error naming the damaged settings. */
export function parseConfig<T>(shape: z.ZodType<T>, run: Run, kind: string): T {
  const where = run.paths.config;
  if (run.config.kind !== kind) {
    throw inputError(`not a ${kind} run`, { where, expected: kind, received: run.config.kind });
  }
  const result = shape.safeParse(run.config);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw inputError('the settings of this run are damaged', { where, received: problems.join('; ') });
}
