import { writeFileAtomically } from '../train/atomic.ts';
import { type ReportInput } from './comparison.ts';
import { renderReport } from './html.ts';

/**
 * Renders the report and puts it at `path` in one step: a reader finds the old file or the new one, never half of one,
 * and a failure leaves what was there.
 *
 * @throws FixheadError of kind `input` when the file cannot be written; see {@link renderReport} for the rest.
 */
export async function writeReport(path: string, input: ReportInput): Promise<void> {
  await writeFileAtomically(path, await renderReport(input));
}
