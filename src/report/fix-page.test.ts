import { describe, expect, test } from 'vitest';
import type { FixDocument } from './fix-document.ts';
import { renderFixPage, summarizeFix } from './fix-page.ts';

const document: FixDocument = {
  model: 'birds.onnx',
  data: 'photos',
  classifier: {
    node: '/fc/Gemm',
    features: 512,
    classes: 3,
    parameters: 1539,
    share: 0.0123,
    how: 'node /fc/Gemm (Gemm), the last product before the output logits',
  },
  head: 'hadamard',
  trained: 'all layers',
  before: {
    ...{ accuracy: 0.91, top5: 1, loss: 0.31, bytes: 46_800_000, parameters: 11_180_000 },
    ...{ classifierParameters: 1539, milliseconds: 12.34 },
  },
  after: {
    ...{ accuracy: 0.93, top5: 1, loss: 0.25, bytes: 46_700_000, parameters: 11_178_465 },
    ...{ classifierParameters: 4, milliseconds: 12.01 },
  },
  classes: [
    { label: 'crow', count: 50, before: 0.9, after: 0.88 },
    { label: '<b>owl</b>', count: 40, before: 0.8, after: 0.95 },
    { label: 'wren', count: 10, before: null, after: 1 },
  ],
  epochs: [
    { epoch: 1, trainLoss: 0.9, trainAccuracy: 0.7, validationLoss: 0.5, validationAccuracy: 0.85 },
    { epoch: 2, trainLoss: 0.4, trainAccuracy: 0.9, validationLoss: 0.25, validationAccuracy: 0.93 },
  ],
  notes: [],
  provenance: [['device', 'cpu']],
};

describe('the page of a replaced classifier', () => {
  const page = renderFixPage(document);

  test('says what the classifier was and what became of size, accuracy and time', () => {
    for (const text of ['1.23 % of the model', '93.00', '91.00', '46.8 MB', '11,178,465', '12.3', '/fc/Gemm']) {
      expect(page).toContain(text);
    }
    expect(summarizeFix(document)).toContain('1,539 numbers; the hadamard head has 4');
  });

  test('lists classes by how much they changed, and never runs their names', () => {
    expect(page).not.toContain('<b>owl</b>');
    expect(page.indexOf('&lt;b&gt;owl')).toBeLessThan(page.indexOf('crow'));
    expect(page).toContain('+15.00');
    expect(page).toContain('−2.00');
  });

  test('draws both curves and reaches nothing outside', () => {
    expect(page.match(/<svg role="img"/g)).toHaveLength(2);
    expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  });

  test('shows a dash for what was not measured', () => {
    const unknown = { ...document, before: { ...document.before, accuracy: null, milliseconds: null } };
    expect(summarizeFix(unknown)).toContain('93.00 % of the validation images are answered right.');
    expect(renderFixPage(unknown)).toContain('<td>–</td>');
  });
});
