import { expectTypeOf, test } from 'vitest';
import { createBuilder, type OutputsOf, type Value } from './builder.ts';
import type { AttributesOf } from './ops.ts';

const b = createBuilder('types');
const x = b.input('x', 'float32', [1, 2, 4, 4]);
const window = { kernel_shape: [2, 2], pads: [0, 0, 0, 0], strides: [2, 2] };
const conv = { ...window, dilations: [1, 1], group: 1 };

test('operators, their inputs and their attributes are checked', () => {
  b.op('Relu', [x], {});
  // @ts-expect-error: no such operator
  b.op('Rleu', [x], {});
  // @ts-expect-error: an input is missing
  b.op('Add', [x], {});
  // @ts-expect-error: one input too many
  b.op('Relu', [x, x], {});
  // @ts-expect-error: a required input cannot be absent
  b.op('Add', [x, undefined], {});
  // @ts-expect-error: an attribute is missing
  b.op('Softmax', [x], {});
  // @ts-expect-error: no such attribute
  b.op('Softmax', [x], { axis: 1, axes: [1] });
  // @ts-expect-error: an attribute of the wrong kind
  b.op('Softmax', [x], { axis: '1' });
  // @ts-expect-error: a list where a number stands
  b.op('Transpose', [x], { perm: 1 });
  // @ts-expect-error: no such element type
  b.op('Cast', [x], { to: 'float' });
});

test('optional inputs may be undefined or left out, any number may be given to Concat', () => {
  b.op('Conv', [x, x], conv);
  b.op('Conv', [x, x, undefined], conv);
  b.op('Conv', [x, x, x], conv);
  b.op('nchwc.Conv', [x, x, undefined, x], { ...conv, activation: '', activation_params: [] });
  b.op('Concat', [x, x, x, x], { axis: 0 });
  // @ts-expect-error: values, not names
  b.op('Concat', ['x'], { axis: 0 });
});

test('outputs are a tuple of the operator', () => {
  expectTypeOf<OutputsOf<'BatchNormTraining'>>().toEqualTypeOf<readonly [Value, Value, Value]>();
  expectTypeOf<OutputsOf<'Split'>>().toEqualTypeOf<readonly Value[]>();
  expectTypeOf<AttributesOf<'Slice'>>().toEqualTypeOf<{
    readonly starts: readonly number[];
    readonly ends: readonly number[];
    readonly axes: readonly number[];
    readonly steps: readonly number[];
  }>();
});
