import { randomInt } from 'node:crypto';
import { describe, it } from 'vitest';
import { patience, queuesToProve, type StruckBatch, surviveStrikes } from '../support/struck-batch.ts';

/**
 * Three worker processes, of which one after the other is killed with -9 all along the way of one batch. They are started
 * again, as a supervisor does it, and nothing else helps. The large proof: `KILL_RECORDS=1000000 KILLS=100`.
 */

const BATCH: Omit<StruckBatch, 'queue'> = {
  seed: Number(process.env.TEST_SEED ?? randomInt(2 ** 31)),
  records: Number(process.env.KILL_RECORDS ?? 20_000),
  strikes: Number(process.env.KILLS ?? 5),
  kind: 'kill',
};
const NAME = `kill -9 of workers (TEST_SEED=${BATCH.seed})`;
const TIMES = `${BATCH.strikes} times in a batch of ${BATCH.records} records`;

describe(NAME, patience(BATCH), () => {
  it.each(queuesToProve(BATCH))(
    `with the queue on %s, ${TIMES}: none is lost, none is there twice`,
    async (queue) => {
      await surviveStrikes({ ...BATCH, queue });
    },
  );
});
