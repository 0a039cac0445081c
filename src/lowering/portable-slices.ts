import { defined } from '../core/errors.ts';
import { normalizeAxis } from '../core/shape.ts';
import { int32 } from '../core/tensor.ts';
import type { Value } from '../graph/builder.ts';
import { gather } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { sliceRange } from '../graph/slices.ts';
import type { Operands, Pass } from './pass.ts';
import { range } from './window.ts';

/**
 * Slice, with Gather along the axes that it reads backwards in steps of 2 or more: where such a step leaves a rest, ONNX
 * Runtime's WebGPU provider begins at another element.
 */
export function sliceOrGather(pass: Pass, node: OpNode<'Slice'>, { input }: Operands): readonly Value[] | undefined {
  const { starts, ends, axes, steps } = node.attributes;
  if (steps.every((step) => step >= -1)) return undefined;
  const { builder: b } = pass;
  const x = input(0);
  const parts = axes.map((axis, index) => {
    const [start, end, step] = [starts[index], ends[index], steps[index]];
    const along = normalizeAxis(axis, x.type.shape.length, node.name);
    return {
      axis: along,
      size: x.type.shape[along],
      start: defined(start, 'start'),
      end: defined(end, 'end'),
      step: defined(step, 'step'),
    };
  });
  const [backwards, others] = [parts.filter(({ step }) => step < -1), parts.filter(({ step }) => step >= -1)];
  const gathered = backwards.reduce<Value | undefined>((y, { axis, size, start, end, step }) => {
    if (y === undefined || typeof size !== 'number') return undefined;
    const { first, count } = sliceRange(start, end, step, size);
    if (count === 0) return undefined;
    const places = pass.constant(`every_${-step}_from_${first}_${count}`, () =>
      int32(
        [count],
        range(count).map((index) => first + index * step),
      ),
    );
    return gather(b, y, places, axis);
  }, x);
  if (gathered === undefined) return undefined;
  if (others.length === 0) return [gathered];
  return [
    b.op('Slice', [gathered], {
      starts: others.map(({ start }) => start),
      ends: others.map(({ end }) => end),
      axes: others.map(({ axis }) => axis),
      steps: others.map(({ step }) => step),
    }),
  ];
}
