import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { lower } from '../../src/lowering/lower.ts';
import { expectAllclose } from '../support/allclose.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { runOnnx } from '../support/onnx-runtime.ts';
import { casesOfFamily, families, fixtureGraph } from './fixtures.ts';

/** Allowed error relative to a tensor's largest element, in float32. */
const TOLERANCE = 1e-5;
/** Terms of size 1 that cancel leave their rounding errors: a tensor counts as at least this large. */
const FLOOR = 0.01;

describe.each(await loweringTargets())('gradient graphs on ONNX Runtime agree with PyTorch: $name', ({ target }) => {
  for (const family of families) {
    describe(family, () => {
      for (const fixture of casesOfFamily(family)) {
        test.skipIf(target === undefined)(fixture.name, async () => {
          const { graph, feeds, expected } = fixtureGraph(fixture);
          const values = await runOnnx(lower(graph, defined(target, 'target')), feeds);
          for (const [output, { shape, data }] of expected) {
            const actual = defined(values.get(output), output);
            const what = `${family}, ${fixture.name}, ${output}`;
            expect(actual.shape, what).toEqual(shape);
            const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), FLOOR);
            expectAllclose(actual.data, data, { what, atol: TOLERANCE * largest, shape });
          }
        });
      }
    });
  }
});
