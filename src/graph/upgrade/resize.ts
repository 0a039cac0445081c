import { float32 } from '../../core/tensor.ts';
import type { ListedNode } from '../onnx-order.ts';
import {
  finished,
  text,
  textOf,
  withAttribute,
  withInput,
  without,
  type Outcome,
  type Step,
  type StepContext,
} from './step.ts';

/**
 * Resize and its predecessor Upsample. Until version 10 output pixel i lay at i/scale of the input (`asymmetric`), and `nearest`
 * took the pixel below when it enlarged and the one above when it shrank, which is what ONNX Runtime does.
 */

function scalesInput(node: ListedNode, context: StepContext): Outcome {
  const scales = node.attributes.get('scales');
  if (scales?.kind !== 'floats') return 'it lacks scales';
  return withInput(
    without(node, 'scales'),
    1,
    context.constant(float32([scales.value.length], scales.value), 'scales'),
  );
}

function coordinates(node: ListedNode, context: StepContext): Outcome {
  const [x = '', scales = ''] = node.inputs;
  const known = context.constantOf(scales);
  const factors = known?.dtype === 'float32' ? [...known.data] : undefined;
  const nearest = textOf(node, 'mode', 'nearest') === 'nearest';
  const enlarges = factors?.every((factor) => factor >= 1) === true;
  const shrinks = factors?.every((factor) => factor <= 1) === true;
  if (nearest && !enlarges && !shrinks) return 'it takes the nearest pixel at scales that are computed or mixed';
  const resized = withAttribute(
    { ...node, inputs: [x, '', scales] },
    'coordinate_transformation_mode',
    text('asymmetric'),
  );
  return nearest ? withAttribute(resized, 'nearest_mode', text(enlarges ? 'floor' : 'ceil')) : resized;
}

const currentCoordinates: Step = (node) =>
  textOf(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_half_pixel_for_nn'
    ? 'opset 18 lacks its coordinates tf_half_pixel_for_nn'
    : node;

/** Inputs that are not there were tensors without elements; the region only counts in one mode of coordinates. */
function absentInputs(node: ListedNode, context: StepContext): Outcome {
  const cropped = textOf(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize';
  const inputs = node.inputs.map((name, position) => {
    if (position === 0) return name;
    return context.constantOf(name)?.data.length === 0 || (position === 1 && !cropped) ? '' : name;
  });
  while (inputs.at(-1) === '') inputs.pop();
  return { ...node, inputs };
}

export const resizeUp: Readonly<Record<number, Step>> = { 11: coordinates, 13: currentCoordinates, 18: absentInputs };

/** Upsample only enlarges. */
function upsampleToResize(node: ListedNode): Outcome {
  const [x = '', scales = ''] = node.inputs;
  const mode = textOf(node, 'mode', 'nearest');
  return finished(node, 'Resize', [x, '', scales], {
    mode: text(mode === 'bilinear' ? 'linear' : mode),
    coordinate_transformation_mode: text('asymmetric'),
    nearest_mode: text('floor'),
  });
}

export const upsampleUp: Readonly<Record<number, Step>> = { 9: scalesInput, 10: upsampleToResize };
