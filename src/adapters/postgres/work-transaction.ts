import postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import { RetryableFault } from '../../core/errors.ts';
import type { OperationEvent } from '../../core/operation.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { SqlValue } from '../../core/sql.ts';
import type { WorkStatements, WorkTransaction } from '../../engine/ports/work-transaction.ts';
import type { Transaction } from './connect.ts';
import { isConnectionLost } from './faults.ts';
import { refusalOf } from './refusal.ts';
import { untracked } from './untracked.ts';

/** A transaction that is under way, as a handler is given it, and what takes it away from the handler again. */
export interface OpenWork {
  transaction: WorkTransaction;
  /** Whatever the handler still sends is refused from now on: it would run after the transaction, outside of any. */
  close(): void;
}

/** Whose statements they are: those of one attempt, or those of the transaction outside of any. */
interface Scope {
  over: boolean;
  /** What the first of its statements that failed was told. */
  firstError?: unknown;
}

type Send = <Row>(scope: Scope, query: () => PendingRows) => Promise<Row[]>;

export function openWork(tx: Transaction, connection: { lost: boolean }, accountId: string): OpenWork {
  const whole: Scope = { over: false };
  const send: Send = async <Row>(scope: Scope, query: () => PendingRows) => {
    if (connection.lost) throw new RetryableFault('the transaction is over: its connection was lost');
    if (scope.over || whole.over) {
      throw new Error('the handler has answered already: nothing is sent any more');
    }
    try {
      return (await (scope === whole ? query() : untracked(query()))) as unknown as Row[];
    } catch (error) {
      if (isConnectionLost(error)) connection.lost = true;
      scope.firstError ??= error;
      throw error;
    }
  };
  const statementsOf = (scope: Scope): WorkStatements => ({
    sql: <Row>(strings: TemplateStringsArray, ...values: readonly SqlValue[]) =>
      handled(send<Row>(scope, () => tx(tagged(strings), ...(values.map(bindable) as string[])))),
    emit: (events) =>
      handled(
        events.length === 0
          ? Promise.resolve()
          : send(scope, () => insertEvents(tx, accountId, events)).then(() => undefined),
      ),
  });
  let attempting = false;
  const transaction: WorkTransaction = {
    ...statementsOf(whole),
    async attempt(work) {
      if (attempting) throw new Error('an attempt is under way');
      attempting = true;
      const engine: Scope = { over: false };
      const say = (text: string) => send(engine, () => tx.unsafe(text));
      try {
        return await inSavepoint(say, connection, (trial) => work(statementsOf(trial)));
      } finally {
        attempting = false;
      }
    },
  };
  return {
    transaction,
    close: () => {
      whole.over = true;
    },
  };
}

async function inSavepoint<T>(
  say: (text: string) => Promise<unknown>,
  connection: { lost: boolean },
  work: (trial: Scope) => Promise<T>,
): Promise<{ done: T } | { refused: Refusal }> {
  const trial: Scope = { over: false };
  await say('savepoint attempt');
  try {
    const done = await work(trial).finally(() => {
      trial.over = true;
    });
    // What is checked only at the end is checked here, while it is known whose it is. This fails too when the
    // handler took an error of the database for none.
    await say('set constraints all immediate; set constraints all deferred; release savepoint attempt');
    // What never reached the database: values that cannot be bound, in a statement that was not waited for.
    if (trial.firstError !== undefined) throw trial.firstError;
    return { done };
  } catch (thrown) {
    const error = isAborted(thrown) ? (trial.firstError ?? thrown) : thrown;
    const refused = connection.lost ? null : refusalOf(error);
    if (refused === null) throw error;
    await say('rollback to savepoint attempt; release savepoint attempt');
    return { refused };
  }
}

/** One that the handler does not wait for fails the savepoint in the end: it must not end the process before. */
function handled<T>(sent: Promise<T>): Promise<T> {
  sent.catch(() => undefined);
  return sent;
}

type PendingRows = postgres.PendingQuery<postgres.Row[]>;

/** postgres.js takes a text for the name of something, and sends nothing. */
function tagged(strings: TemplateStringsArray): TemplateStringsArray {
  if (Array.isArray(strings?.raw)) return strings;
  throw new TypeError('sql is the tag of a template: sql`select …`');
}

/** postgres.js binds an array of booleans as a boolean: it is written as PostgreSQL reads one. */
function bindable(value: SqlValue): SqlValue {
  if (!Array.isArray(value) || !value.some((one) => typeof one === 'boolean')) return value;
  return `{${value.map((one) => one ?? 'NULL').join(',')}}`;
}

/** A statement after one that failed (25P02): it says nothing of its own. */
function isAborted(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '25P02';
}

/** As one array a column: a statement has no room for a parameter of each event. */
function insertEvents(tx: Transaction, accountId: string, events: readonly OperationEvent[]): PendingRows {
  const data = events.map((event) => JSON.stringify({ ...event.data }));
  return tx`
    insert into events (id, account_id, type, data)
    select e.id, ${accountId}, e.type, e.data::jsonb
    from unnest(${events.map(() => uuidv7())}::uuid[], ${events.map(({ type }) => type)}::text[], ${data}::text[])
      as e(id, type, data)`;
}
