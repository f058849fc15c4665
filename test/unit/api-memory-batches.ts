import { isTerminal, RESUMING, TRANSITIONS } from '../../src/core/batch.ts';
import { isFinal, RequestError } from '../../src/core/errors.ts';
import { newBatchRow } from '../../src/engine/new-batch-row.ts';
import type { Actor } from '../../src/engine/ports/actor.ts';
import type {
  BatchChange,
  BatchFilters,
  BatchRow,
  BatchStore,
  IdempotencyStore,
  KeepAnswer,
  KeptAnswer,
  RequestKey,
} from '../../src/engine/ports/request-stores.ts';
import { KeyTaken } from '../../src/engine/ports/request-stores.ts';

/** What the stores of the API say of batches and of kept answers, on maps; `asked` may throw in their place. */

export type KeptAnswers = Map<string, { fingerprint: string; answer: KeptAnswer }>;

const keyOf = ({ accountId }: Actor, { route, key }: RequestKey) => JSON.stringify([accountId, route, key]);

export function idempotencyInMemory(answers: KeptAnswers, actor: Actor, asked: () => void): IdempotencyStore {
  return {
    find: async (request) => {
      asked();
      return answers.get(keyOf(actor, request)) ?? null;
    },
  };
}

/** One step, as a transaction is. */
export function underKeyInMemory<Made>(
  answers: KeptAnswers,
  actor: Actor,
  keep: KeepAnswer<Made> | undefined,
  make: () => Made,
): Made {
  if (keep !== undefined && answers.has(keyOf(actor, keep.request))) throw new KeyTaken(keep.request.key);
  const made = make();
  if (keep !== undefined) {
    const { fingerprint } = keep.request;
    answers.set(keyOf(actor, keep.request), { fingerprint, answer: structuredClone(keep.answer(made)) });
  }
  return made;
}

export function batchesInMemory(
  world: { batches: Map<string, BatchRow>; answers: KeptAnswers },
  actor: Actor,
  filenameOf: (uploadId: string) => string | null,
  asked: () => void,
): BatchStore {
  const { accountId } = actor;
  const own = (id: string) => {
    asked();
    const row = world.batches.get(id);
    return row?.accountId === accountId ? row : null;
  };
  const needed = (id: string) => {
    const row = own(id);
    if (row === null) throw new RequestError('batch_not_found', 'there is no such batch');
    return row;
  };
  return {
    create: async (batch, keep) => {
      asked();
      return underKeyInMemory(world.answers, actor, keep, () => {
        const createdAt = Date.now() / 1000;
        const statuses = [{ status: 'new' as const, ts: createdAt }];
        const row = newBatchRow(batch, {
          accountId,
          createdAt,
          statuses,
          filename: filenameOf(batch.uploadId),
        });
        world.batches.set(batch.id, row);
        return row;
      });
    },
    find: async (id) => own(id),
    look: async (id) => own(id),
    list: async ({ limit, before, filters = {} }) => {
      asked();
      return [...world.batches.values()]
        .filter((row) => row.accountId === accountId && (before === undefined || row.id < before))
        .filter((row) => fits(row, filters))
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, limit);
    },
    change: async (id, change) => {
      const row = needed(id);
      Object.assign(row, changed(row, change));
      return [];
    },
    requestDeletion: async (id) => {
      const row = needed(id);
      row.deleting = true;
      const event = isTerminal(row.status) ? 'delete_started' : 'cancel_requested';
      row.status = TRANSITIONS[row.status][event] ?? row.status;
      return { status: row.status, waiting: [] };
    },
  };
}

/** What a change comes to; nothing of it happens when it throws. */
function changed(row: BatchRow, { status, metadata, stopAfter }: BatchChange): Partial<BatchRow> {
  const rest = { ...(metadata !== undefined && { metadata }) };
  if (status === 'cancel') {
    if (['cancel', 'cancelling', 'cancelled'].includes(row.status)) return rest;
    const next = TRANSITIONS[row.status].cancel_requested;
    if (next === null) throw new RequestError('not_cancellable', `the batch is in ${row.status}`);
    return { ...rest, status: next, statusReason: null };
  }
  if (status === 'resume') {
    const from = row.failedFrom as keyof typeof RESUMING | null;
    if (row.status !== 'failed' || from === null || isFinal(row.statusReason) || row.expired || row.deleting)
      throw new RequestError('not_resumable', `the batch is in ${row.status}`);
    const next = TRANSITIONS.failed[RESUMING[from]]!;
    const limit = stopAfter === undefined ? row.stopAfter : stopAfter;
    return { ...rest, status: next, statusReason: null, failedFrom: null, stopAfter: limit };
  }
  return rest;
}

function fits(row: BatchRow, filters: BatchFilters): boolean {
  const {
    status,
    operation,
    createdFrom = 0,
    createdBefore = Number.POSITIVE_INFINITY,
    metadata = {},
  } = filters;
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return (
    (status === undefined || row.status === status) &&
    (operation === undefined || row.operation === operation) &&
    row.createdAt >= createdFrom &&
    row.createdAt < createdBefore &&
    Object.entries(metadata).every(([key, value]) => text(row.metadata[key]) === value) &&
    (filters.search === undefined || searched(row).some((found) => holds(found, filters.search!)))
  );
}

const holds = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());

function searched(row: BatchRow): string[] {
  const leaves = (value: unknown): string[] => {
    if (typeof value === 'string' || typeof value === 'number') return [String(value)];
    return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
  };
  return [row.id, ...(row.filename === null ? [] : [row.filename]), ...leaves(row.metadata)];
}
