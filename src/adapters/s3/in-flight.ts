/**
 * Runs something for each item, so many at once, and answers the results in the items' order. After the first failure
 * nothing more is begun, and what runs is waited for: so nothing is under way any more when the failure is thrown.
 */
export async function inFlight<Item, Result>(
  most: number,
  items: Iterable<Item> | AsyncIterable<Item>,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  const running = new Set<Promise<void>>();
  const start = async (item: Item, place: number) => {
    try {
      results[place] = await run(item);
    } catch (error) {
      failures.push(error);
    }
  };
  let begun = 0;
  try {
    for await (const item of items) {
      const one = start(item, begun++);
      running.add(one);
      void one.then(() => running.delete(one));
      if (running.size >= most) await Promise.race(running);
      if (failures.length > 0) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
  return results;
}
