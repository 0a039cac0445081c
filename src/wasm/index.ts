/**
 * The dependency-free head, `fixhead/head`: features in, the best classes or all logits out, in Node and browsers, computed in
 * WebAssembly. It loads as plain ES modules.
 *
 * @module
 */
export { FixheadError, type ErrorFields, type ErrorKind } from '../core/errors.ts';
export type { HeadDescription } from './description.ts';
export type { SignFamily } from './diagonals.ts';
export { headToJson, readHead, type EncodedNumbers, type HeadJson } from './head-json.ts';
export { openHead, openHeadSync, type TopClasses, type WasmHead } from './head.ts';
