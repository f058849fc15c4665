import { LeaseLost, RetryableFault } from '../../core/errors.ts';
import type { FailureSummary } from '../../core/tally.ts';
import type {
  JournalEntry,
  ProcessingOutcome,
  ProcessingPause,
  ValidationOutcome,
} from '../../engine/ports/chunk-outcome.ts';
import type { ChunkSession } from '../../engine/ports/chunk-session.ts';
import { type ChunkClaim, leaseOf } from '../../engine/ports/claims.ts';
import { claimChunk } from './claim-chunk.ts';
import { ClaimTurns } from './claim-turns.ts';
import { breakOff, connect, idleInTransactionMs, type Sql, type Transaction, within } from './connect.ts';
import { insertCustomIds } from './custom-ids.ts';
import { faultsTold } from './faults.ts';
import { clearJournal, noteOutcomes, noteStarted, readJournal, writeJournal } from './journal.ts';
import { keepAwake } from './keep-awake.ts';
import { giveBackIn } from './leases.ts';
import { transaction } from './transaction.ts';
import { openWork } from './work-transaction.ts';

/** How often a session whose handler is at something else says that its process lives: a frozen one does not. */
const AWAKE_SHARE_OF_LEASE = 0.25;

/** A claim is short: one that takes longer waits for a server that has gone. */
const LEAST_CLAIM_MS = 10_000;

/**
 * Database sessions of one connection each. A chunk is claimed and settled on the same one, so that its pid and
 * start time in the claim say whose transaction has to end before the chunk is handed to somebody else.
 */
export class ChunkSessions {
  readonly #url: string;
  readonly #leaseSeconds: number;
  readonly #idle: Sql[] = [];
  readonly #all = new Set<Sql>();
  readonly #turns = { validate: new ClaimTurns(), process: new ClaimTurns(), call: new ClaimTurns() };

  constructor(url: string, leaseSeconds: number) {
    this.#url = url;
    this.#leaseSeconds = leaseSeconds;
  }

  open(): ChunkSession {
    const session = this.#idle.pop() ?? this.#connect();
    const leaseSeconds = this.#leaseSeconds;
    return {
      claim: (stage, known, batchId, { unsuspected = false } = {}) => {
        const turns = this.#turns[stage];
        const only = { unsuspected, ...(batchId !== undefined && { batchId }) };
        const take = () => claimChunk(session, { leaseSeconds, stage, known, turns, ...only });
        return faultsTold(() => within(session, Math.max(LEAST_CLAIM_MS, leaseSeconds * 1000), take));
      },
      adopt: (claim) => faultsTold(() => adopt(session, claim)),
      settleValidation: (claim, outcome) => faultsTold(() => settleValidation(session, claim, outcome)),
      settleProcessing: (claim, work) =>
        faultsTold(() => settleProcessing(session, claim, work, leaseSeconds * AWAKE_SHARE_OF_LEASE * 1000)),
      journal: (claim) => faultsTold(() => readJournal(session, claim)),
      noteStarted: (claim, entries) => faultsTold(() => noteStarted(session, claim, entries)),
      noteOutcomes: (claim, entries) => faultsTold(() => noteOutcomes(session, claim, entries)),
      breakOff: () => breakOff(session),
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

/** Whoever takes the chunk over ends this session then, and not the one that claimed it. */
async function adopt(session: Sql, claim: ChunkClaim): Promise<void> {
  const adopted = await session`
    update chunks set lease_pid = pg_backend_pid(),
      lease_pid_started = (select backend_start from pg_stat_activity where pid = pg_backend_pid())
    where batch_id = ${claim.batchId} and number = ${claim.range.number} and lease = ${claim.lease}`;
  if (adopted.count === 0) throw lost(claim);
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
  work: Parameters<ChunkSession['settleProcessing']>[1],
  awakeMs: number,
): Promise<void> {
  await transaction(session, async (tx, connection) => {
    const journaled = await checkSession(tx, claim);
    const journal = journaled ? await readJournal(tx, claim) : [];
    const awake = keepAwake(tx, connection, awakeMs);
    const open = openWork(tx, connection, claim.accountId);
    const outcome = await work(open.transaction, journal).finally(() => {
      clearInterval(awake);
      open.close();
    });
    if (connection.lost) throw lost(claim);
    if ('tried' in outcome) await keep(tx, claim, outcome.tried);
    else if ('delaySeconds' in outcome) await pause(tx, claim, outcome);
    else await settle(tx, claim, outcome, journaled);
  });
}

async function settle(
  tx: Transaction,
  claim: ChunkClaim,
  outcome: ProcessingOutcome,
  journaled: boolean,
): Promise<void> {
  const settled = await tx`
    update chunks set
      status = 'settled', lease = null, lease_expires_at = null, lease_pid = null, lease_pid_started = null,
      settled_at = clock_timestamp(), succeeded = ${outcome.succeeded}, failed = ${outcome.failed},
      part = ${outcome.part}, ${told(tx, outcome.failures)}
    where batch_id = ${claim.batchId} and number = ${claim.range.number} and lease = ${claim.lease}`;
  if (settled.count === 0) throw lost(claim);
  if (journaled) await clearJournal(tx, claim);
}

/** Locked, so that nobody takes the chunk over before it is committed that these were tried. */
async function keep(tx: Transaction, claim: ChunkClaim, tried: readonly JournalEntry[]): Promise<void> {
  const { batchId, range, lease } = claim;
  const held = await tx`
    select from chunks where batch_id = ${batchId} and number = ${range.number} and lease = ${lease} for share`;
  if (held.count === 0) throw lost(claim);
  await writeJournal(tx, claim, tried);
}

/** Not the chunk's fault: the attempt is given back. */
async function pause(tx: Transaction, claim: ChunkClaim, paused: ProcessingPause): Promise<void> {
  await writeJournal(tx, claim, paused.entries);
  const { batchId, range, lease } = claim;
  if (paused.allTried || paused.progressed) {
    const until = tx`clock_timestamp() + make_interval(secs => ${paused.delaySeconds})`;
    await tx`
      update chunks set
        probes = ${paused.allTried ? null : tx`probes`}, settled_at = ${paused.progressed ? until : tx`settled_at`}
      where batch_id = ${batchId} and number = ${range.number} and lease = ${lease}`;
  }
  if (!(await giveBackIn(tx, leaseOf(claim), { delaySeconds: paused.delaySeconds, free: true })))
    throw lost(claim);
}

/**
 * The connection may have been made anew since the claim; then the claim names a session that is not this one.
 * @returns whether there is something in the journal
 */
async function checkSession(tx: Transaction, claim: ChunkClaim): Promise<boolean> {
  const { batchId, range, lease } = claim;
  const [held] = await tx<{ here: boolean; journaled: boolean }[]>`
    select lease_pid = pg_backend_pid() as here,
      exists (select from record_journal where batch_id = ${batchId} and chunk = ${range.number}) as journaled
    from chunks where batch_id = ${batchId} and number = ${range.number} and lease = ${lease}`;
  if (held === undefined) throw lost(claim);
  if (!held.here) throw new RetryableFault('the database session was made anew', { free: true });
  return held.journaled;
}

function lost(claim: ChunkClaim): LeaseLost {
  return new LeaseLost(`chunk ${claim.range.number} of batch ${claim.batchId}`);
}
