import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ops, type Op } from '../src/graph/ops.ts';
import { isRecorded, recordFile, type DeviceRecord } from '../tools/operator-devices.ts';
import { operatorsPage, opsetsRead, page } from '../tools/operators.ts';

test('docs/operators.md is what `npm run docs:operators` writes', async () => {
  expect(await readFile(page, 'utf8')).toBe(await operatorsPage());
});

test('every operator was tried on the CPU and gave the reference’s values there, in both lowerings', async () => {
  const record = JSON.parse(await readFile(recordFile, 'utf8')) as DeviceRecord;
  const recorded = (Object.keys(ops) as Op[]).filter(isRecorded);
  expect(Object.keys(record.operators).sort()).toEqual([...recorded].sort());
  for (const [op, ran] of Object.entries(record.operators)) {
    for (const target of ['portable', 'blocked'] as const) {
      const outcomes = [ran[target]?.forward, ran[target]?.gradient].filter((outcome) => outcome !== undefined);
      // Given a y that is not the pool of its x, MaxPoolGrad has no defined value of its own.
      if (op !== 'MaxPoolGrad') expect(outcomes, `${op}, ${target}`).not.toEqual([]);
      expect(
        outcomes.filter((outcome) => outcome !== 'agrees'),
        `${op}, ${target}`,
      ).toEqual([]);
    }
  }
});

test('opsets read end where a form has no counterpart', () => {
  // From ONNX's changelog: Celu came in 12, Mish in 18.
  expect(opsetsRead('Relu')).toMatch(/–26$/);
  expect(opsetsRead('Celu')).toBe('12–26');
  expect(opsetsRead('Mish')).toBe('18–26');
});
