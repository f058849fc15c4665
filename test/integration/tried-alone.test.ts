import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stage } from '../../src/core/batch.ts';
import { LeaseKeeper } from '../../src/engine/lease-keeper.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { type ServeTicket, serveTicket } from '../../src/engine/serve-ticket.ts';
import { AloneHere } from '../support/alone-here.ts';
import { crashInTransaction, crashOutside } from '../support/crashing-operations.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Rule 11: a suspect chunk is tried span by span. */

const RECORDS = 6;
const FILE = `id,does,text\n${Array.from({ length: RECORDS }, (_, at) => `a${at + 1},nothing,aaa\n`).join('')}`;
/** One for the runs that are left, one for what they leave out, and some to spare. */
const MOST_VISITS = 4;

let sheaf: TestSheaf;
let leases: LeaseKeeper;
let engine: ServeTicket;

beforeEach(async () => {
  sheaf = await openTestSheaf({}, { operations: [crashInTransaction, crashOutside] });
  const { services } = sheaf;
  leases = new LeaseKeeper(services.work, services.settings, services.log);
  const operations = services.operations.all();
  const known = { names: operations.map((one) => one.name), versions: operations.map((one) => one.version) };
  const work = { ...services, leases, known, longStages: new Set<never>(), stopping: () => false };
  engine = { ...work, alone: new AloneHere().of(work) };
});
afterEach(async () => {
  await leases.close();
  await sheaf.close();
});

/** Once its records are checked, the chunk is as after crashes. @param change what they have left behind */
async function crashed(change: string): Promise<void> {
  await sheaf.sql.unsafe(`
    create function crashed() returns trigger language plpgsql as
      $$ begin new.crashes := 1; ${change}; return new; end $$;
    create trigger crashed before update on chunks for each row
      when (new.phase = 'process' and old.phase = 'validate') execute function crashed()`);
}

/** Makes a batch of the file, whose chunk is visited in its stage until it is done. */
async function run(operation: string, stage: Stage): Promise<BatchRow> {
  const id = await sheaf.submit(await sheaf.upload(FILE), { operation });
  await serveTicket(engine, 'copy');
  for (let visit = 1; visit <= MOST_VISITS && !(await sheaf.batch(id)).resultsReady; visit += 1) {
    await serveTicket(engine, stage);
  }
  return await sheaf.batch(id);
}

/** All of them are done. */
async function expectDone(batch: BatchRow): Promise<void> {
  const counts = { total: RECORDS, succeeded: RECORDS, failed: 0, unprocessed: 0 };
  expect(batch).toMatchObject({ status: 'completed', counts });
  const lines = await sheaf.lines(batch);
  expect(lines.map(({ record }) => record)).toEqual([1, 2, 3, 4, 5, 6]);
}

describe('of a suspect chunk', () => {
  const STAGES: [string, Stage, string][] = [
    ['in transactions', 'process', crashInTransaction.name],
    ['with effects outside', 'call', crashOutside.name],
  ];

  // A handler that asked for another try in a span before the one that crashed leaves records like these.
  it.each(STAGES)(
    'what is in none of the runs that are left is tried %s after them',
    async (_, stage, operation) => {
      await crashed(`new.probes := '[{"from": 3, "to": 4, "crashes": 0}]'`);
      await expectDone(await run(operation, stage));
    },
  );

  it.each(STAGES)(
    'a record that was given up %s and had its result before is as it is',
    async (_, stage, operation) => {
      await crashed(`
      new.crashed := '[3]';
      insert into record_journal (batch_id, record, chunk, state, attempts, uncertain, due_at, result)
      values (new.batch_id, 3, new.number, 'final', 1, false, now(), '{"status":"succeeded","output":{"id":"a3"}}')`);
      const batch = await run(operation, stage);
      await expectDone(batch);
      expect((await sheaf.lines(batch))[2]).toMatchObject({ output: { id: 'a3' }, attempts: 1 });
    },
  );
});
