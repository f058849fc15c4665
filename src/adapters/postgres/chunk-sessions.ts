import { LeaseLost, RetryableFault } from '../../core/errors.ts';
import type { SqlValue, TransactionSql } from '../../core/sql.ts';
import type { FailureSummary } from '../../core/tally.ts';
import type {
  ChunkClaim,
  ChunkSession,
  ProcessingOutcome,
  ValidationOutcome,
} from '../../engine/ports/work-store.ts';
import { claimChunk } from './claim-chunk.ts';
import { connect, idleInTransactionMs, type Sql, type Transaction } from './connect.ts';
import { insertCustomIds } from './custom-ids.ts';
import { faultsTold, isConnectionLost } from './faults.ts';
import { keepAwake } from './keep-awake.ts';
import { transaction } from './transaction.ts';

/** How often a session whose handler is at something else says that its process lives: a frozen one does not. */
const AWAKE_SHARE_OF_LEASE = 0.25;

/**
 * Database sessions of one connection each. A chunk is claimed and settled on the same one, so that its pid and
 * start time in the claim say whose transaction has to end before the chunk is handed to somebody else.
 */
export class ChunkSessions {
  readonly #url: string;
  readonly #leaseSeconds: number;
  readonly #idle: Sql[] = [];
  readonly #all = new Set<Sql>();

  constructor(url: string, leaseSeconds: number) {
    this.#url = url;
    this.#leaseSeconds = leaseSeconds;
  }

  open(): ChunkSession {
    const session = this.#idle.pop() ?? this.#connect();
    const leaseSeconds = this.#leaseSeconds;
    return {
      claim: (phase, known, batchId) =>
        faultsTold(() => claimChunk(session, leaseSeconds, phase, known, batchId)),
      settleValidation: (claim, outcome) => faultsTold(() => settleValidation(session, claim, outcome)),
      settleProcessing: (claim, work) =>
        faultsTold(() => settleProcessing(session, claim, work, leaseSeconds * AWAKE_SHARE_OF_LEASE * 1000)),
      release: () => this.#idle.push(session),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((session) => session.end({ timeout: 5 })));
  }

  #connect(): Sql {
    const session = connect(this.#url, {
      max: 1,
      name: 'chunk',
      idleInTransactionMs: idleInTransactionMs(this.#leaseSeconds),
    });
    this.#all.add(session);
    return session;
  }
}

async function settleValidation(session: Sql, claim: ChunkClaim, outcome: ValidationOutcome): Promise<void> {
  await transaction(session, async (tx) => {
    const { batchId, range } = claim;
    await insertCustomIds(tx, { batchId, number: range.number }, outcome.customIds);
    const settled = await tx`
      update chunks set
        status = 'settled', lease = null, lease_expires_at = null, lease_pid = null, lease_pid_started = null,
        settled_at = clock_timestamp(), invalid = ${outcome.invalid}, validation_part = ${outcome.part},
        file_fault = ${outcome.fileFault === null ? null : tx.json({ ...outcome.fileFault })},
        ${told(tx, outcome.failures)}, coerced = ${tx.json({ ...outcome.coerced })}
      where batch_id = ${batchId} and number = ${range.number} and lease = ${claim.lease}`;
    if (settled.count === 0) throw lost(claim);
  });
}

/** Chunks without failed records have nothing to tell, and are most. */
function told(tx: Transaction, failures: FailureSummary) {
  const none = Object.keys(failures.codes).length === 0;
  return tx`
    error_codes = ${none ? null : tx.json({ ...failures.codes })},
    first_errors = ${none ? null : tx.json([...failures.first] as never)}`;
}

async function settleProcessing(
  session: Sql,
  claim: ChunkClaim,
  work: (sql: TransactionSql) => Promise<ProcessingOutcome>,
  awakeMs: number,
): Promise<void> {
  await transaction(session, async (tx, connection) => {
    await checkSession(tx, claim);
    const awake = keepAwake(tx, connection, awakeMs);
    const outcome = await work((strings, ...values) =>
      handlerStatement(tx, connection, strings, values),
    ).finally(() => clearInterval(awake));
    if (connection.lost) throw lost(claim);
    const settled = await tx`
      update chunks set
        status = 'settled', lease = null, lease_expires_at = null, lease_pid = null, lease_pid_started = null,
        settled_at = clock_timestamp(), succeeded = ${outcome.succeeded}, failed = ${outcome.failed},
        part = ${outcome.part}, ${told(tx, outcome.failures)}
      where batch_id = ${claim.batchId} and number = ${claim.range.number} and lease = ${claim.lease}`;
    if (settled.count === 0) throw lost(claim);
  });
}

/** The connection may have been made anew since the claim; then the claim names a session that is not this one. */
async function checkSession(tx: Transaction, claim: ChunkClaim): Promise<void> {
  const [held] = await tx<{ here: boolean }[]>`
    select lease_pid = pg_backend_pid() as here from chunks
    where batch_id = ${claim.batchId} and number = ${claim.range.number} and lease = ${claim.lease}`;
  if (held === undefined) throw lost(claim);
  if (!held.here) throw new RetryableFault('the database session was made anew', { free: true });
}

function lost(claim: ChunkClaim): LeaseLost {
  return new LeaseLost(`chunk ${claim.range.number} of batch ${claim.batchId}`);
}

/** A statement of a handler, which may catch its errors and go on: but not past the loss of its transaction. */
async function handlerStatement<Row>(
  tx: Transaction,
  connection: { lost: boolean },
  strings: TemplateStringsArray,
  values: readonly SqlValue[],
): Promise<Row[]> {
  if (connection.lost) throw new RetryableFault('the transaction is over: its connection was lost');
  try {
    return (await tx(strings, ...(values as string[]))) as unknown as Row[];
  } catch (error) {
    if (isConnectionLost(error)) connection.lost = true;
    throw error;
  }
}
