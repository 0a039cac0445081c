import { defined } from '../core/errors.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { bodyOf, laidOut } from './body.ts';
import { copyNodes, namingIn, withoutSlash } from './copy.ts';
import type { Cut } from './cut.ts';

/** The read model as it is, in the current scope of a builder: images `[batch, channels, height, width]` to its logits `[batch, C]`. All weights are constants. */
export function teacherLogits(cut: Cut): (b: Builder, images: Value) => Value {
  return (b, images) => {
    const body = bodyOf(cut, [], defined(images.type.shape[0], 'batch dimension'), 'logits');
    const naming = namingIn(b);
    const scope = b.scope();
    naming.place(cut.input, laidOut(b, images, cut.layout).name);
    for (const [name, value] of body.initializers) naming.place(name, b.constant(value, withoutSlash(name)).name);
    const rename = (name: string): string => `${scope === '' ? '' : `${scope}/`}${withoutSlash(name)}`;
    copyNodes(b, body, body.nodes, { naming, rename });
    return b.value(naming.of(cut.logits));
  };
}
