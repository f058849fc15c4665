import type { BatchStatus } from '../../src/core/batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';

/** What a batch goes through when nothing goes wrong. */
export const GOOD_WAY: readonly BatchStatus[] = [
  'new',
  'copying',
  'copied',
  'validating',
  'processing',
  'processed',
  'writing_results',
  'completed',
];

/** What a batch went through. */
export const statuses = (batch: BatchRow) => batch.statuses.map((entry) => entry.status);
