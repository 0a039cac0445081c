/**
 * Operators as functions with the usual defaults: `add(b, x, y)` adds a node to builder `b` and returns its value.
 * Shapes follow opset 18; see ops.ts.
 */
export * from './functions/activations.ts';
export * from './functions/elementwise.ts';
export * from './functions/images.ts';
export * from './functions/reductions.ts';
export * from './functions/tensors.ts';
