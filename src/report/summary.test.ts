import { describe, expect, it } from 'vitest';
import { reportInput } from '../../test/support/report-input.ts';
import { summarise } from './summary.ts';

const textOf = (choice: Parameters<typeof reportInput>[0]): string => summarise(reportInput(choice).document).join(' ');

describe('summarise', () => {
  it('names the best head and what the fixed one saves', () => {
    const text = textOf({ seeds: [0, 1, 2] });
    expect(text).toContain('Of 2 heads, hadamard has the highest validation accuracy, 90.30 % (± 0.10 over 3 seeds).');
    expect(text).toContain('Its classifier trains 11 parameters, where the learned one trains 650');
    expect(text).toContain(
      'that saves 0.82 % of the model’s trainable parameters, and the exported file is 2.56 kB smaller',
    );
  });

  it('claims no difference within one standard deviation', () => {
    const text = textOf({ seeds: [0, 1, 2], accuracy: (head, seed) => 0.9 + 0.001 * head + 0.004 * seed });
    expect(text).toContain(
      '0.10 points above the learned one, which is within one standard deviation of the seeds (0.40 points): no difference is shown.',
    );
  });

  it('states a larger difference with the number of seeds that agree', () => {
    const text = textOf({ seeds: [0, 1, 2], accuracy: (head, seed) => 0.9 - 0.02 * head + 0.001 * seed });
    expect(text).toContain(
      'hadamard head is 2.00 points below the learned one, more than one standard deviation of the seeds (0.10 points), behind in all 3.',
    );
  });

  it('warns about a single seed with the uncertainty of counting, √(p(1 − p)/n)', () => {
    const text = textOf({ seeds: [0], accuracy: () => 0.9 });
    expect(text).toContain('One seed shows nothing of the spread between runs');
    expect(text).toContain('uncertain by about ± 0.95 points');
    expect(text).not.toMatch(/standard deviation|±\s*0\.00/u);
  });

  it('compares one head with nothing', () => {
    expect(textOf({ heads: ['learned'] })).toBe(
      'The learned head reaches a validation accuracy of 90.05 % (± 0.07 over 2 seeds).',
    );
  });

  it('compares fixed heads with each other where no learned one was trained', () => {
    expect(textOf({ heads: ['hadamard', 'orthonormal'] })).toContain(
      'orthonormal has the highest validation accuracy, 90.25 % (± 0.07 over 2 seeds), 0.20 points ahead of hadamard.',
    );
  });

  it('lists the distances where there are many fixed heads', () => {
    const text = textOf({ heads: ['learned', 'a', 'b', 'c'], accuracy: (head) => 0.9 - 0.01 * head });
    expect(text).toContain('Against the learned head, b is at −2.00 points and c at −3.00.');
  });

  it('does not invent a winner where no accuracy is a number', () => {
    expect(textOf({ accuracy: () => Number.NaN })).toBe('No head has a validation accuracy yet.');
  });
});
