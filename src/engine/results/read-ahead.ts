/**
 * Reads what belongs to each item, a few at once, and answers in the items' order; a read that failed is thrown in
 * its turn. When whoever asks stops early, nothing goes on behind its back.
 */
export async function* readAhead<Item, Read>(
  items: AsyncIterable<Item>,
  atOnce: number,
  read: (item: Item) => Promise<Read>,
): AsyncGenerator<Read> {
  const waiting: Promise<PromiseSettledResult<Read>>[] = [];
  try {
    for await (const item of items) {
      waiting.push(settled(read(item)));
      if (waiting.length >= atOnce) yield told(await waiting.shift()!);
    }
    while (waiting.length > 0) yield told(await waiting.shift()!);
  } finally {
    await Promise.all(waiting);
  }
}

async function settled<Read>(reading: Promise<Read>): Promise<PromiseSettledResult<Read>> {
  const [outcome] = await Promise.allSettled([reading]);
  return outcome;
}

function told<Read>(outcome: PromiseSettledResult<Read>): Read {
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}
