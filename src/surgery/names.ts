/**
 * The components of a path that is written with slashes or dots. PyTorch's exporter writes the full path of a module of a Sequential behind
 * that of its parent (`/features/features.1/features.1.0`); what repeats the end of the path so far counts once.
 */
function components(path: string): readonly string[] {
  const parts: string[] = [];
  for (const scope of path.split('/')) {
    const inner = scope.split('.').filter((part) => part !== '');
    let repeated = Math.min(inner.length - 1, parts.length);
    while (repeated > 0 && !inner.slice(0, repeated).every((part, index) => part === parts.at(index - repeated)))
      repeated--;
    parts.push(...inner.slice(Math.max(0, repeated)));
  }
  return parts;
}

/**
 * The path of the layer that a parameter belongs to, with dots: from the initializer's own name (`layer4.1.conv2.weight` belongs to
 * `layer4.1.conv2`), else from the name of the node that reads it (`/layer4/layer4.1/conv2/Conv`), else the initializer's name.
 */
export function layerOf(parameter: string, node: string): string {
  const [own, reader] = [components(parameter), components(node)];
  if (own.length > 1 && !parameter.includes('::')) return own.slice(0, -1).join('.');
  if (reader.length > 1) return reader.slice(0, -1).join('.');
  return parameter;
}

/** Names that can be a path of ours, in which slashes part scopes: each as it is where it can, unique in any case. */
export function safeNames(names: readonly string[]): ReadonlyMap<string, string> {
  const safe = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of names) {
    const stem =
      name
        .replaceAll('/', '.')
        .replaceAll(/[^\w.-]/g, '_')
        .replaceAll(/^\.+|\.+$/g, '') || 'tensor';
    let candidate = stem;
    for (let count = 1; taken.has(candidate); count++) candidate = `${stem}_${count}`;
    taken.add(candidate);
    safe.set(name, candidate);
  }
  return safe;
}
