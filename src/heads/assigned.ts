import { internalError } from '../core/errors.ts';
import { int32 } from '../core/tensor.ts';
import type { Value } from '../graph/builder.ts';
import { gather } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Geometry, SlotBlock } from './geometry.ts';

/** How the constant is called, behind its path, that has the slot of each class: exported files are read by it. */
export const slotTableName = 'slot_of_class';

/**
 * The classes on chosen vectors of a geometry: class i on vector `codes[i]`. The product stays the pool's fast one; its outputs are
 * then put in the order of the classes. What is stored besides is one integer a class.
 *
 * @param pool a geometry whose classes are all its vectors, at least one a class
 * @param codes `[C]`, all different, each below the number of the pool's vectors
 */
export function assigned(pool: Geometry, codes: Uint32Array): Geometry {
  const used = new Float32Array(pool.slots);
  for (const slot of codes) {
    if (slot >= pool.slots || used[slot] === 1) {
      throw internalError('classes must be assigned to different vectors of the geometry', {
        expected: `different numbers below ${pool.slots}`,
        received: String(slot),
      });
    }
    used[slot] = 1;
  }
  const table = int32([codes.length], Int32Array.from(codes));
  const partly = ({ first, count }: SlotBlock): Float32Array | undefined => {
    const part = used.subarray(first, first + count);
    return part.every((taken) => taken === 1) ? undefined : part;
  };
  return Object.freeze({
    ...pool,
    classes: codes.length,
    slots: pool.slots,
    codes,
    cost: { ...pool.cost, constantBytes: pool.cost.constantBytes + table.data.byteLength },
    product: (c: LayerContext, x: Value) => gather(c.b, pool.product(c, x), c.b.constant(table, slotTableName), 1),
    blocks: (slots: number) =>
      pool
        .blocks(slots)
        .map((block) => Object.freeze({ ...block, used: partly(block) }))
        // A block that no class lies in adds nothing.
        .filter((block) => block.used?.some((taken) => taken === 1) ?? true),
    vector: (index: number) => pool.vector(codes[index] ?? codes.length),
  } satisfies Geometry);
}
