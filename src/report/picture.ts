import sharp from 'sharp';
import { renderPanels } from './charts.ts';
import { type ReportInput } from './comparison.ts';
import { inputError } from '../core/errors.ts';
import { ceiling, epochAxis, epochCurves } from './curves.ts';
import { measureOf } from './measure.ts';
import { PICTURE_THEME } from './palette.ts';

/**
 * Training and validation error per epoch for each head as a PNG picture on white, 2000 pixels wide: for a README or
 * a slide. Mean over the seeds as a bold line, each seed as a faint one.
 *
 * @throws FixheadError of kind `input` when no run has an epoch yet.
 */
export async function renderCurvesPng(input: ReportInput): Promise<Buffer> {
  const training = epochCurves(input, 'trainError');
  const validation = epochCurves(input, 'validationError');
  const epochs = [...training, ...validation].flatMap((curve) => curve.runs.flat().map(([epoch]) => epoch));
  if (epochs.length === 0)
    throw inputError('there are no curves to draw', { expected: 'at least one run with one finished epoch' });
  const y = ceiling([training, validation]).axis;
  const x = epochAxis(epochs);
  const panel = { xName: 'epoch', x, y };
  const svg = renderPanels(
    [
      { ...panel, title: 'Training error (%)', curves: training },
      { ...panel, title: `${measureOf(input.document).Error} (%)`, curves: validation },
    ],
    { width: 1000, height: 420, theme: PICTURE_THEME, legend: true, id: 'curves' },
  );
  return sharp(Buffer.from(svg), { density: 144 })
    .flatten({ background: '#ffffff' })
    .png({ palette: true, compressionLevel: 9 })
    .toBuffer();
}
