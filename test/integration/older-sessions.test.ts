import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * What the database keeps from sessions that do not say that they understand it, as those of a version do that knows
 * of no retries. The test's own sessions are such; `newer` is one that says so.
 */

type Session = TestSheaf['sql'];

let sheaf: TestSheaf;
let parent: string;
let retry: string;
let plain: string;

beforeAll(async () => {
  sheaf = await openTestSheaf();
});
afterAll(() => sheaf.close());
beforeEach(async () => {
  await clearBatches(sheaf.sql);
  parent = await addBatch(sheaf, { status: 'failed', chunks: 1 });
  retry = await addBatch(sheaf, { status: 'processing', chunks: 2 });
  plain = await addBatch(sheaf, { status: 'failed', chunks: 1 });
  await sheaf.sql`
    update batches set retry_of = ${parent}, root_id = ${parent}, retry_records = 'failed' where id = ${retry}`;
  await sheaf.sql`
    update chunks set sources = '{"origins": [], "runs": []}' where batch_id = ${retry} and number = 1`;
});

/** Whether an older session's statement and a newer one's took effect, each on rows as they were. */
async function effects(statement: (sql: Session) => PromiseLike<{ count: number }>) {
  const tried = async (level: string) => {
    let count = 0;
    const undone = new Error('only tried');
    const trying = sheaf.sql.begin(async (tx) => {
      await tx`select set_config('sheaf.level', ${level}, true)`;
      count = (await statement(tx as unknown as Session)).count;
      throw undone;
    });
    const error = await trying.catch((thrown: Error) => thrown);
    return error === undone ? count : (error as { code?: string }).code;
  };
  return { older: await tried(''), newer: await tried('1') };
}

const REFUSED = '55P03';

describe('an older session', () => {
  it('gets no chunk of a retry, and the others', async () => {
    const claim = (batch: string, number: number) => (sql: Session) =>
      sql`
      update chunks set lease = ${randomUUID()}, status = 'running' where batch_id = ${batch} and number = ${number}`;
    expect(await effects(claim(retry, 1))).toEqual({ older: 0, newer: 1 });
    expect(await effects(claim(retry, 2))).toEqual({ older: 1, newer: 1 });
    expect(await effects(claim(plain, 1))).toEqual({ older: 1, newer: 1 });
  });

  it('gets no chunk of which records have crashed', async () => {
    for (const [column, value] of Object.entries({ probes: '[]', crashed: '[3]' })) {
      await sheaf.sql`update chunks set ${sheaf.sql({ [column]: sheaf.sql.json(JSON.parse(value)) })} where batch_id = ${plain}`;
      const outcome = await effects(
        (sql) => sql`update chunks set lease = ${randomUUID()} where batch_id = ${plain}`,
      );
      expect(outcome).toEqual({ older: 0, newer: 1 });
      await sheaf.sql`update chunks set probes = null, crashed = null`;
    }
  });

  it('gets no retry as a whole once its input is there, but when it is removed', async () => {
    const claim = (stage: string) => async (sql: Session) => {
      await sql`update batches set stage = ${stage} where id in (${retry}, ${plain}) and ${stage} <> 'remove'`;
      return await sql`update batches set lease = ${randomUUID()} where id = ${retry}`;
    };
    expect(await effects(claim('write_results'))).toEqual({ older: REFUSED, newer: 1 });
    expect(await effects(claim('convert'))).toEqual({ older: REFUSED, newer: 1 });
    await sheaf.sql.begin(async (tx) => {
      await tx`select set_config('sheaf.level', '1', true)`;
      await tx`update batches set stage = 'remove' where id = ${retry}`;
    });
    expect(await effects(claim('remove'))).toEqual({ older: 1, newer: 1 });
    const renewal = (sql: Session) => sql`update batches set lease_expires_at = now() where id = ${retry}`;
    expect(await effects(renewal)).toEqual({ older: 1, newer: 1 });
  });

  it.each(['parent', 'retry'] as const)('neither resumes nor removes a %s', async (which) => {
    const id = which === 'parent' ? parent : retry;
    await sheaf.sql`update batches set status = 'failed' where id = ${id}`;
    const resume = (of: string) => (sql: Session) =>
      sql`update batches set status = 'processing' where id = ${of}`;
    const remove = (of: string) => (sql: Session) =>
      sql`update batches set status = 'deleting', stage = 'remove' where id = ${of}`;
    expect(await effects(resume(id))).toEqual({ older: REFUSED, newer: 1 });
    expect(await effects(remove(id))).toEqual({ older: 0, newer: 1 });
    expect(await effects(resume(plain))).toEqual({ older: 1, newer: 1 });
    expect(await effects(remove(plain))).toEqual({ older: 1, newer: 1 });
  });
});
