/** All of them, in their order, from one of them on: workers that do the same at once begin with different ones. */
export function beginAnywhere<T>(items: readonly T[]): T[] {
  const from = Math.floor(Math.random() * items.length);
  return [...items.slice(from), ...items.slice(0, from)];
}
