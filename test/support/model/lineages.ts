import { expect } from 'vitest';
import type { TestSheaf } from '../sheaf.ts';
import { isLive } from './retries.ts';
import { lineageOf, type TrackedBatch } from './tracked-batch.ts';

/** What holds of batches and the retries of them, whatever has happened: a record is in one hand, and is done once. */
export async function checkLineages(sheaf: TestSheaf, batches: readonly TrackedBatch[]): Promise<void> {
  for (const first of batches.filter(({ retryOf }) => retryOf === null)) {
    const lineage = lineageOf(batches, first);
    if (lineage.length === 1) continue;
    const written = lineage.flatMap(({ seen, sources }) => seen.written.map((record) => sources[record - 1]));
    expect(repeated(written), 'records that were done by more than one batch of a lineage').toEqual([]);
    const held: string[] = [];
    for (const batch of lineage) {
      const row = await sheaf.account.batches.find(batch.id);
      // What is skipped was done before, and is in nobody's hand.
      const sources = batch.sources.filter((_, at) => batch.verdicts?.[at] !== 'skipped');
      if (row !== null && isLive(row)) held.push(...sources);
    }
    expect(repeated(held), 'records that more than one live batch has in hand').toEqual([]);
  }
}

function repeated<T>(items: readonly T[]): T[] {
  return items.filter((item, index) => items.indexOf(item) !== index);
}
