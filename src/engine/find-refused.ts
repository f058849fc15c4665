/**
 * Does work on many items at once where a single one may spoil it for all, and finds that one. It begins with all of
 * them; a group that is refused is halved, and after an item was found the groups grow again. The items keep their
 * order, and each is done exactly once.
 *
 * However many are bad, there are no more than a call for each item and a few: a group is only tried while what it may
 * cost in vain was saved before by groups that went well.
 *
 * @param attempt does a group, all or nothing; answers one result per item, or why the group was refused
 * @param refuse the result of an item that is refused alone
 */
export async function findRefused<Item, Result, Refusal>(
  items: readonly Item[],
  attempt: (group: readonly Item[]) => Promise<{ done: readonly Result[] } | { refused: Refusal }>,
  refuse: (item: Item, refusal: Refusal) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  /** How many of the next items are known to have a bad one among them. */
  let suspect = 0;
  /** How many to try where nothing is known: the good ones since the last bad one tell how far apart they are. */
  let size = items.length;
  let good = 0;
  // Enough to find one among all of them, and the next.
  let spare = 2 * Math.ceil(Math.log2(items.length + 1));
  while (results.length < items.length) {
    const wanted = suspect > 0 ? Math.ceil(suspect / 2) : size;
    const group = items.slice(results.length, results.length + (spare > 0 ? wanted : 1));
    const outcome = await attempt(group);
    if ('done' in outcome) {
      results.push(...outcome.done);
      spare += group.length - 1;
      good += group.length;
      suspect = Math.max(0, suspect - group.length);
      size = 2 * good;
    } else if (group.length > 1) {
      spare -= 1;
      suspect = group.length;
    } else {
      results.push(refuse(group[0]!, outcome.refused));
      suspect = 0;
      size = Math.max(1, good);
      good = 0;
    }
  }
  return results;
}
