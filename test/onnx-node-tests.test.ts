import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { onnxCases, onnxTestData, runCase, type CaseResult } from './support/onnx-cases.ts';

/**
 * The ONNX project's own tests, of every operator up to opset 17 and of models converted from PyTorch: what is read and written
 * back as opset 18 gives the outputs that the project expects. They come with Debian's package libonnx-testdata.
 */

/** Tests whose models are refused, and the words of the refusal. Nothing else may be. */
const refused: Readonly<Record<string, string>> = {
  'node/test_if': 'sub-graph',
  'node/test_loop11': 'sub-graph',
  'node/test_range_float_type_positive_delta_expanded': 'sub-graph',
  'node/test_range_int32_type_negative_delta_expanded': 'sub-graph',
  'node/test_resize_downsample_sizes_nearest_tf_half_pixel_for_nn': 'opset 18 lacks its coordinates',
  'node/test_scan9_sum': 'sub-graph',
  'node/test_scan_sum': 'its meaning changed in opset 9',
};

describe.skipIf(!existsSync(onnxTestData))('the tests of the ONNX project', () => {
  it('give the same outputs when they are read and written back', async () => {
    const results = new Map<string, CaseResult>();
    for (const each of onnxCases()) results.set(each.name, await runCase(each));
    const of = (kind: CaseResult['kind']) => [...results].filter(([, result]) => result.kind === kind);
    const names = (kind: CaseResult['kind']) => of(kind).map(([name]) => name);
    const alone = of('agrees').filter(([, result]) => result.kind === 'agrees' && result.alone === true);
    console.log(
      `ONNX's own tests: ${of('agrees').length} agree (${alone.length} of them old ones that ONNX Runtime only runs as ` +
        `opset 18), ${of('refused').length} refused by name, ${of('runtime').length} that ONNX Runtime does not run, ` +
        `${of('not tensors').length} without numeric tensors, ${of('random').length} random`,
    );
    expect(names('disagrees')).toEqual([]);
    expect(names('random')).toEqual([]);
    expect(names('refused')).toEqual(Object.keys(refused));
    for (const [name, result] of of('refused')) {
      expect(result.kind === 'refused' && result.reason, name).toContain(refused[name]);
    }
    expect(of('agrees').length).toBeGreaterThan(950);
  }, 240_000);
});
