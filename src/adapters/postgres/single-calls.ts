import { RequestError } from '../../core/errors.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { SingleCalls } from '../../engine/ports/single-calls.ts';
import type { WorkTransaction } from '../../engine/ports/work-transaction.ts';
import { writeAudit } from './audit.ts';
import { connect, idleInTransactionMs, type Sql, type Transaction } from './connect.ts';
import { asFault, faultsTold, isConnectionLost } from './faults.ts';
import { underKey } from './idempotency-store.ts';
import { keepAwake } from './keep-awake.ts';
import { transaction } from './transaction.ts';
import { Turns } from './turns.ts';
import { openWork } from './work-transaction.ts';

/** Few are enough, as calls are short; whoever waits holds no connection that requests for other things need. */
const CONNECTIONS = 5;

/** One is left for others, however slow the calls of an account are. */
const OF_ONE_ACCOUNT = CONNECTIONS - 1;

/** A client that waits longer has mostly given up, and more would only make all of the account wait for longer. */
const LONGEST_WAIT_MS = 15_000;
const WAITING_OF_ONE_ACCOUNT = 5000;

/** No statement of a call takes longer: whoever calls waits for it. */
const STATEMENT_MS = 30_000;

const AWAKE_SHARE_OF_IDLE = 0.3;

const BUSY_SECONDS = 5;

export interface PostgresSingleCalls {
  /** Those of one account. */
  of(actor: Actor): SingleCalls;
  close(): Promise<void>;
}

export function postgresSingleCalls(url: string, leaseSeconds: number): PostgresSingleCalls {
  const patience = idleInTransactionMs(leaseSeconds);
  const sql = connect(url, {
    max: CONNECTIONS,
    name: 'call',
    idleInTransactionMs: patience,
    lockMs: patience,
    statementMs: STATEMENT_MS,
  });
  const turns = new Turns({
    atOnce: CONNECTIONS,
    ofOne: OF_ONE_ACCOUNT,
    waitingOfOne: WAITING_OF_ONE_ACCOUNT,
  });
  const inTurnOf = async <Made>({ accountId }: Actor, call: () => Promise<Made>): Promise<Made> => {
    const end = await turns.take(accountId, LONGEST_WAIT_MS);
    if (end === null) throw busy();
    try {
      return await call();
    } finally {
      end();
    }
  };
  const awakeMs = patience * AWAKE_SHARE_OF_IDLE;
  return {
    of: (actor) => ({
      run: (operation, keep, work) =>
        inTurnOf(actor, () =>
          inTransaction(sql, awakeMs, actor, (tx, open) =>
            underKey(tx, actor, keep, async () => {
              const made = await work(open);
              await noteCall(tx, actor, operation);
              return made;
            }),
          ),
        ),
      note: (operation) => inTurnOf(actor, () => faultsTold(() => noteCall(sql, actor, operation))),
      keep: async (keep, made) => {
        await inTurnOf(actor, () =>
          faultsTold(() => transaction(sql, (tx) => underKey(tx, actor, keep, async () => made))),
        );
      },
    }),
    close: () => sql.end({ timeout: 5 }),
  };
}

/** Of the record nothing is noted: it is the client's. */
async function noteCall(tx: Sql | Transaction, actor: Actor, operation: string): Promise<void> {
  await writeAudit(tx, actor, { action: operation, target: { kind: 'operation', id: operation } });
}

async function inTransaction<Made>(
  sql: Sql,
  awakeMs: number,
  { accountId }: Actor,
  work: (tx: Transaction, open: WorkTransaction) => Promise<Made>,
): Promise<Made> {
  let worked = false;
  try {
    return await transaction(sql, async (tx, connection) => {
      const awake = keepAwake(tx, connection, awakeMs);
      const open = openWork(tx, connection, accountId);
      try {
        const made = await work(tx, open.transaction);
        worked = true;
        return made;
      } finally {
        clearInterval(awake);
        open.close();
      }
    });
  } catch (error) {
    if (worked && isConnectionLost(error)) throw unknown();
    throw asFault(error);
  }
}

function busy(): RequestError {
  const detail =
    'more operations are called at this moment than can be run; nothing was done, try again later';
  return new RequestError('unavailable', detail, [], BUSY_SECONDS);
}

/** COMMIT was sent, and nobody knows whether it arrived. */
function unknown(): RequestError {
  return new RequestError(
    'outcome_unknown',
    'the connection to the database was lost while the record was committed; with an Idempotency-Key the request can be sent again, else look whether it took effect',
  );
}
