import { describe, expect, it } from 'vitest';
import { randomStream } from '../src/core/random.ts';
import { mutate, seedModels, survive, type Survival } from './support/mutate-onnx.ts';

/** A few hundred broken models of a fixed seed; `npm run fuzz:onnx` takes as many as one likes. */
describe('broken models', () => {
  it('are read or refused as bad input, and what is read can be written and read again', () => {
    const seeds = seedModels(40);
    const counts: Record<Survival, number> = { read: 0, refused: 0, 'not written': 0 };
    for (let index = 0; index < 600; index++) {
      const broken = mutate(seeds, randomStream('fuzz', 1, index));
      try {
        counts[survive(broken)]++;
      } catch (error) {
        expect.fail(`mutation ${index}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
    expect(counts.read).toBeGreaterThan(50);
    expect(counts.refused).toBeGreaterThan(100);
  });
});
