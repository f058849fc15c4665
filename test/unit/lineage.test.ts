import { describe, expect, it } from 'vitest';
import type { BatchStatus } from '../../src/core/batch.ts';
import { holderOf, type LineageBatch, type RetryRecords } from '../../src/core/lineage.ts';

function batch(
  id: string,
  retryOf: string | null,
  records: RetryRecords | null,
  status: BatchStatus = 'completed',
  known = true,
): LineageBatch {
  return { id, retryOf, records, status, known };
}

const root = batch('p', null, null);
const held = (lineage: LineageBatch[], parent: string, records: RetryRecords) =>
  holderOf([root, ...lineage], parent, records)?.id;

describe('who has records in hand', () => {
  it('is nobody when all have ended and what they did is known', () => {
    expect(held([batch('a', 'p', 'failed'), batch('b', 'a', 'failed')], 'p', 'both')).toBeUndefined();
  });

  it('is a retry of the same records, until its results are written', () => {
    expect(held([batch('a', 'p', 'failed', 'copying', false)], 'p', 'failed')).toBe('a');
    expect(held([batch('a', 'p', 'failed', 'failed', false)], 'p', 'failed')).toBe('a');
    expect(held([batch('a', 'p', 'both', 'copying', false)], 'p', 'failed')).toBe('a');
  });

  it('is no retry of the other ones, nor what came of it', () => {
    const lineage = [batch('a', 'p', 'failed'), batch('b', 'a', 'both', 'processing', false)];
    expect(held(lineage, 'p', 'unprocessed')).toBeUndefined();
    expect(held(lineage, 'p', 'failed')).toBe('b');
    expect(held(lineage, 'a', 'failed')).toBe('b');
  });

  it('is a batch that was resumed after it was retried', () => {
    const lineage = [batch('a', 'p', 'failed', 'processing', false), batch('b', 'a', 'failed')];
    expect(held(lineage, 'b', 'failed')).toBe('a');
  });

  it('is taken to be whoever is under way where the batch between is gone', () => {
    const lineage = [batch('b', 'gone', 'failed', 'processing', false)];
    expect(held(lineage, 'p', 'unprocessed')).toBe('b');
  });
});
