import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { connect } from '../../src/adapters/postgres/connect.ts';
import { transaction } from '../../src/adapters/postgres/transaction.ts';
import { openWork } from '../../src/adapters/postgres/work-transaction.ts';
import type { Environment } from '../../src/config.ts';
import type { Operation, TransactionOperation } from '../../src/core/operation.ts';
import type { RecordResult } from '../../src/core/result.ts';
import type { TransactionSql } from '../../src/core/sql.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import type { WorkTransaction } from '../../src/engine/ports/work-transaction.ts';
import { applyInTransaction } from '../../src/engine/run-in-transaction.ts';
import { clearBatches } from './rows.ts';
import { openTestSheaf, type TestSheaf } from './sheaf.ts';

/** Operations of the training pack, applied as chunks and single calls do: each in a transaction on a session of its own. */
export interface Training {
  apply(
    operation: Operation,
    inputs: readonly object[],
    options?: ApplyOptions,
  ): Promise<RecordResult<unknown>[]>;
  /** As `apply`, in a word each: `ok`, or the code. */
  codes(operation: Operation, inputs: readonly object[], options?: ApplyOptions): Promise<string[]>;
  /** How many statements it takes, of which all records succeed. */
  statements(operation: Operation, inputs: readonly object[]): Promise<number>;
  addLearners(...ids: string[]): Promise<void>;
  /** How many learners the cohort has: by its own count and by its enrolments, which are never different. */
  enrolled(cohort: string): Promise<number>;
  close(): Promise<void>;
}

export interface ApplyOptions {
  accountId?: string;
  settings?: object;
  /** Told of every statement of the operation. */
  onStatement?: () => void;
  /** After the operation, before the commit. */
  beforeCommit?: () => Promise<void>;
}

export function openTraining(sheaf: TestSheaf, { sessions = 4 } = {}): Training {
  const pool = connect(sheaf.locations.databaseUrl, { max: sessions, name: 'training' });

  const apply: Training['apply'] = async (operation, inputs, options = {}) => {
    const { accountId = sheaf.caller.accountId, settings = {} } = options;
    const given: object = { ...settings };
    operation.checkSettings(given);
    const records = inputs.map((input, index) => ({ number: index + 1, input }));
    for (const { number, input } of records) {
      const [broken] = operation.checkInput(input);
      if (broken !== undefined) throw new Error(`record ${number}: ${broken.field} ${broken.message}`);
    }
    const context = {
      accountId,
      user: 'admin',
      batchId: null,
      settings: given,
      idempotencyKey: String,
      signal: new AbortController().signal,
      log: sheaf.services.log,
    };
    return await transaction(pool, async (tx, connection) => {
      const { transaction: work } = openWork(tx, connection, accountId);
      const counted =
        (sql: TransactionSql): TransactionSql =>
        (strings, ...values) => {
          options.onStatement?.();
          return sql(strings, ...values);
        };
      const attempt: WorkTransaction['attempt'] = (run) =>
        work.attempt((statements) => run({ ...statements, sql: counted(statements.sql) }));
      const results = await applyInTransaction(
        operation as TransactionOperation,
        records,
        { ...work, attempt },
        context,
      );
      await options.beforeCommit?.();
      return results;
    });
  };

  const codes: Training['codes'] = async (...call) => (await apply(...call)).map(codeOf);

  return {
    apply,
    codes,
    async statements(operation, inputs) {
      let statements = 0;
      const told = await codes(operation, inputs, { onStatement: () => (statements += 1) });
      expect(new Set(told)).toEqual(new Set(['ok']));
      return statements;
    },
    async addLearners(...ids) {
      await sheaf.sql`
        insert into learners (account_id, learner_id)
        select ${sheaf.caller.accountId}, id from unnest(${ids}::text[]) as id`;
    },
    async enrolled(cohort) {
      const [counts] = await sheaf.sql<{ kept: number; counted: number }[]>`
        select c.enrolled as kept, count(e.learner_id)::int as counted
        from cohorts c left join enrollments e on e.account_id = c.account_id and e.cohort_id = c.id
        where c.name = ${cohort} group by c.account_id, c.id`;
      if (counts === undefined) throw new Error(`there is no cohort ${cohort}`);
      if (counts.kept !== counts.counted) {
        throw new Error(`${cohort} says that it has ${counts.kept} learners, and has ${counts.counted}`);
      }
      return counts.kept;
    },
    close: () => pool.end({ timeout: 5 }),
  };
}

/** A result in one word. */
export function codeOf(result: RecordResult<unknown>): string {
  return result.status === 'succeeded' ? 'ok' : result.error.code;
}

export async function clearTraining(sql: TestSheaf['sql']): Promise<void> {
  await sql`truncate learners, cohorts, enrollments, exams, questions, attempts, events`;
}

/** Opens a Sheaf and the training pack for the tests of a file, which find its tables empty, and closes them after. */
export function useTraining(
  use: (opened: { sheaf: TestSheaf; training: Training }) => void,
  options: { sessions?: number; environment?: Environment; workers?: boolean } = {},
): void {
  let sheaf: TestSheaf;
  let training: Training;
  beforeAll(async () => {
    sheaf = await openTestSheaf(options.environment);
    training = openTraining(sheaf, options);
    // In two places, as batches have them.
    if (options.workers === true) await Promise.all([sheaf.startWorkers(), sheaf.startWorkersApart()]);
    use({ sheaf, training });
  });
  afterAll(async () => {
    await training.close();
    await sheaf.close();
  });
  beforeEach(async () => {
    if (options.workers === true) await clearBatches(sheaf.sql);
    await clearTraining(sheaf.sql);
  });
}

/** Of a batch that has completed: how many records came to what. */
export async function told(sheaf: TestSheaf, batch: BatchRow): Promise<Record<string, number>> {
  expect([batch.status, batch.statusReason]).toEqual(['completed', null]);
  const lines = await sheaf.lines(batch);
  return tally(lines.map((line) => (line.status === 'failed' ? line.error.code : line.status)));
}

/** How often each word is there. */
export function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** `l0`, `l1` and so on. */
export function numbered(count: number, prefix = 'l'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
