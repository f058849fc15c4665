import { v7 as uuidv7 } from 'uuid';
import type { StopAfter } from '../../src/core/stop-after.ts';
import type { TestSheaf } from './sheaf.ts';

/** Rows written by hand, to put the work store into a state without going through the pipeline. */

export async function addAccount(sql: TestSheaf['sql']): Promise<string> {
  const id = uuidv7();
  await sql`insert into accounts (id, name) values (${id}, ${id})`;
  return id;
}

export async function clearBatches(sql: TestSheaf['sql']): Promise<void> {
  await sql`truncate custom_ids, chunks, batches, uploads, idempotency_keys, learners`;
}

export interface RowOptions {
  status: string;
  chunks: number;
  stage?: 'copy' | 'write_results';
  phase?: 'validate' | 'process';
  accountId?: string;
  recordsPerChunk?: number;
  onInvalid?: 'reject' | 'skip';
  execution?: 'parallel' | 'serial';
  priority?: number;
  effects?: 'transaction' | 'outside';
  stopAfter?: StopAfter;
}

/** A batch with chunks that wait. Its chunks name bytes that are not there: only the store is meant to see them. */
export async function addBatch({ sql, caller }: TestSheaf, options: RowOptions): Promise<string> {
  const id = uuidv7();
  const upload = uuidv7();
  const accountId = options.accountId ?? caller.accountId;
  const records = options.recordsPerChunk ?? 10;
  await sql`
    insert into uploads (id, account_id, object_key, url_expires_at, expires_at)
    values (${upload}, ${accountId}, ${`uploads/${upload}`}, now() + interval '1 hour', now() + interval '1 day')`;
  await sql`
    insert into batches (id, account_id, upload_id, user_name, operation, operation_version, effects, settings, mapping,
      on_invalid, metadata, status, statuses, upload_key, upload_etag, upload_bytes, input_key, stage, total,
      chunk_count, read, execution, priority, stop_after, created_at)
    values (${id}, ${accountId}, ${upload}, 'admin', 'create_learner', 1, ${options.effects ?? 'transaction'}, ${sql.json({ on_duplicate: 'fail' })}, '{}',
      ${options.onInvalid ?? 'reject'}, '{}', ${options.status}, '[]', ${`uploads/${upload}`}, '"etag"', 1,
      ${`batches/${id}/input/x`}, ${options.stage ?? null}, ${options.chunks * records}, ${options.chunks},
      ${sql.json({ columns: [{ name: 'learner_id', field: 'learner_id' }], delimiter: ',', quote: '"' })},
      ${options.execution ?? 'parallel'}, ${options.priority ?? 0},
      ${options.stopAfter === undefined ? null : sql.json({ ...options.stopAfter })}, clock_timestamp())`;
  for (let number = 1; number <= options.chunks; number += 1) {
    await sql`
      insert into chunks (batch_id, number, account_id, first_record, records, byte_start, byte_end, sha256, phase,
        status)
      values (${id}, ${number}, ${accountId}, ${(number - 1) * records + 1}, ${records}, 0, 1, ${'0'.repeat(64)},
        ${options.phase ?? 'process'}, 'waiting')`;
  }
  return id;
}
