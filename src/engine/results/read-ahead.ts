/**
 * Reads what belongs to each item, a few at once, and answers in the items' order. When whoever asks stops early,
 * nothing goes on behind its back.
 */
export async function* readAhead<Item, Read>(
  items: AsyncIterable<Item>,
  atOnce: number,
  read: (item: Item) => Promise<Read>,
): AsyncGenerator<Read> {
  const waiting: Promise<Read>[] = [];
  try {
    for await (const item of items) {
      const reading = read(item);
      // Told when its turn comes; until then nobody waits for it.
      reading.catch(() => undefined);
      waiting.push(reading);
      if (waiting.length >= atOnce) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
  } finally {
    await Promise.allSettled(waiting);
  }
}
