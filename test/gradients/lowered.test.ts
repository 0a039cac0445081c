import { describe, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import { ops } from '../../src/graph/ops.ts';
import { lower } from '../../src/lowering/lower.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { allOps, casesOf, graphOf, hasGradient } from './cases.ts';
import { isFloatValue, projectionLoss } from './check.ts';
import { expectSameOnOnnx } from './on-onnx.ts';

const SEED = 3;

describe.each(await loweringTargets())(
  'lowered graphs on ONNX Runtime agree with the reference: $name',
  ({ target }) => {
    describe('outputs and gradients of every operator with a rule', () => {
      for (const op of allOps.filter(hasGradient)) {
        for (const { builder, name, outputs, usable, feeds, differentiable } of casesOf(op, SEED)) {
          if (differentiable.length === 0) continue;
          test.skipIf(target === undefined)(`${op}: ${name}`, async () => {
            const all = new Map(feeds);
            const loss = projectionLoss(builder, outputs.slice(0, usable).filter(isFloatValue), all, SEED, op, name);
            outputs.forEach((output) => {
              builder.output(output);
            });
            const result = gradients(builder.build(), { loss: loss.name, wrt: differentiable });
            const complete = createBuilder('with gradients', result.graph);
            for (const [input, gradient] of result.gradients) complete.output(complete.value(gradient), `g:${input}`);
            const graph = complete.build();
            const lowered = lower(graph, defined(target, 'target'));
            await expectSameOnOnnx(graph, lowered, all, `seed ${SEED}, ${op} "${name}"`);
          });
        }
      }
    });

    describe('macro operators on their own', () => {
      for (const op of allOps.filter((each) => ops[each].domain === 'fixhead' && !hasGradient(each))) {
        for (const built of casesOf(op, SEED)) {
          // Given a y that is not the pool of its x, MaxPoolGrad has no defined value; the rules never do that.
          if (op === 'MaxPoolGrad') continue;
          test.skipIf(target === undefined)(`${op}: ${built.name}`, async () => {
            const graph = graphOf(built);
            const lowered = lower(graph, defined(target, 'target'));
            await expectSameOnOnnx(graph, lowered, built.feeds, `seed ${SEED}, ${op} "${built.name}"`);
          });
        }
      }
    });
  },
);
