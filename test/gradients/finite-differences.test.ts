import { describe, expect, test } from 'vitest';
import { gradientRules, gradients } from '../../src/autodiff/gradients.ts';
import { allOps, casesOf, hasGradient } from './cases.ts';
import { expectGradients, isFloatValue, projectionLoss } from './check.ts';

const SEED = 1;

describe('gradient rules agree with central differences', () => {
  for (const op of allOps) {
    test(`${op} has cases exactly if it has a gradient rule`, () => {
      expect(hasGradient(op)).toBe(typeof gradientRules[op] === 'function');
      const checked = casesOf(op, SEED).filter((built) => built.differentiable.length > 0);
      if (hasGradient(op)) expect(checked).not.toHaveLength(0);
    });
  }

  for (const op of allOps.filter(hasGradient)) {
    for (const { builder, name, outputs, usable, feeds, differentiable } of casesOf(op, SEED)) {
      if (differentiable.length === 0) continue;
      test(`${op}: ${name}`, () => {
        const all = new Map(feeds);
        const loss = projectionLoss(builder, outputs.slice(0, usable).filter(isFloatValue), all, SEED, op, name);
        expectGradients(builder.build(), loss.name, all, differentiable, `seed ${SEED}, ${op} "${name}"`);
      });
    }
  }
});

describe('operators without a rule', () => {
  for (const op of allOps.filter((each) => !hasGradient(each))) {
    // Of truth values and integers no gradient can be asked for.
    const asked = casesOf(op, SEED).filter(({ inputs }) => inputs.some(isFloatValue));
    for (const { builder, name, outputs, feeds, inputs } of asked) {
      test(`${op} "${name}" refuses to pass a gradient and says why`, () => {
        const rule = gradientRules[op];
        if (typeof rule === 'function') throw new Error('has a rule');
        const wrt = inputs.filter(isFloatValue).map((value) => value.name);
        const loss = projectionLoss(builder, outputs, new Map(feeds), SEED, op, name);
        const graph = builder.build();
        // No gradient reaches a comparison, an index, a step function or what is detached: their rules are not even asked.
        const attempt = (): unknown => gradients(graph, { loss: loss.name, wrt });
        if (outputs.every(isFloatValue) && rule.stops !== true) {
          expect(attempt).toThrow(`${op}: no gradient through ${op}; ${rule.noGradient}`);
        } else {
          expect(attempt).toThrow(/the loss does not depend on a wanted value/);
        }
      });
    }
  }
});
