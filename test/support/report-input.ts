import { randomStream } from '../../src/core/random.ts';
import { type HeadComparison, type ReportInput, type RunHistory } from '../../src/report/comparison.ts';

export interface MadeUp {
  readonly heads?: readonly string[];
  readonly seeds?: readonly number[];
  readonly epochs?: number;
  readonly classes?: readonly string[];
  readonly mistakes?: number;
  readonly channels?: 1 | 3;
}
