import { randomInt } from 'node:crypto';
import { describe, it } from 'vitest';
import { patience, queuesToProve, type StruckBatch, surviveStrikes } from '../support/struck-batch.ts';

/**
 * Three worker processes, of which one after the other is stopped (SIGSTOP) for longer than its leases last and then goes
 * on (SIGCONT) with what others have done meanwhile, all along the way of one batch.
 * The large proof: `FREEZE_RECORDS=1000000 FREEZES=100`.
 */

const BATCH: Omit<StruckBatch, 'queue'> = {
  seed: Number(process.env.TEST_SEED ?? randomInt(2 ** 31)),
  records: Number(process.env.FREEZE_RECORDS ?? 20_000),
  strikes: Number(process.env.FREEZES ?? 5),
  kind: 'freeze',
};
const NAME = `SIGSTOP of workers for longer than their leases (TEST_SEED=${BATCH.seed})`;
const TIMES = `${BATCH.strikes} times in a batch of ${BATCH.records} records`;

describe(NAME, patience(BATCH), () => {
  it.each(queuesToProve(BATCH))(
    `with the queue on %s, ${TIMES}: none is lost, none is there twice`,
    async (queue) => {
      await surviveStrikes({ ...BATCH, queue });
    },
  );
});
