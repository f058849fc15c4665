import { describe, expect, it } from 'vitest';
import { createCohort } from '../../src/operations/training/create-cohort.ts';
import { deleteCohort } from '../../src/operations/training/delete-cohort.ts';
import { enrollLearner } from '../../src/operations/training/enroll-learner.ts';
import { publishCohort } from '../../src/operations/training/publish-cohort.ts';
import { updateCohort } from '../../src/operations/training/update-cohort.ts';
import { overlapping } from '../support/overlapping.ts';
import { addAccount } from '../support/rows.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { type Training, useTraining } from '../support/training.ts';

/** The operations on cohorts in transactions of their own, on a real database. */

const NOBODY = '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10';

let sheaf: TestSheaf;
let training: Training;

useTraining((opened) => ({ sheaf, training } = opened));

const named = (name: string, more: object = {}) => ({ course: 'Algebra', name, ...more });
const of = (cohort: string, more: object = {}) => ({ course: 'Algebra', cohort, ...more });

async function names(): Promise<string[]> {
  return (await sheaf.sql`select name from cohorts order by name`).map(({ name }) => name as string);
}

async function idOf(name: string): Promise<string> {
  const [row] = await sheaf.sql<{ id: string }[]>`select id from cohorts where name = ${name}`;
  return row!.id;
}

describe('create_cohort', () => {
  it('creates a draft of everything that is given', async () => {
    const full = named('Spring', {
      description: 'For “beginners”; all',
      thumbnail_url: 'https://example.org/a.png',
      starts_at: '2027-02-01T09:00:00.123456+01:00',
      ends_at: '2027-06-30T17:00:00Z',
      room: 'B 12',
      quota: 30,
      delivery: 'hybrid',
      days: ' Wednesday, MON;mon; ;fri',
      group_types: 'weekend; for beginners,weekend,',
      is_local: true,
    });
    const [result] = await training.apply(createCohort, [full]);
    const cohort_id = await idOf('Spring');
    expect(result).toEqual({
      status: 'succeeded',
      output: { cohort_id, course: 'Algebra', name: 'Spring', status: 'draft' },
    });
    const [row] = await sheaf.sql`
      select course, name, description, thumbnail_url, room, quota, enrolled, delivery, days, group_types, is_local,
        status, published_at, starts_at = '2027-02-01T08:00:00.123456Z' and ends_at = '2027-06-30T17:00:00Z' as timely,
        account_id = ${sheaf.caller.accountId} as ours
      from cohorts`;
    const { starts_at: _starts, ends_at: _ends, ...kept } = full as Record<string, unknown>;
    expect(row).toEqual({
      ...kept,
      ...{ days: ['mon', 'wed', 'fri'], group_types: ['weekend', 'for beginners'] },
      ...{ enrolled: 0, status: 'draft', published_at: null, timely: true, ours: true },
    });
  });

  it('needs no more than a course and a name', async () => {
    await training.apply(createCohort, [named('Bare')]);
    const [row] =
      await sheaf.sql`select quota, delivery, days, group_types, is_local, starts_at from cohorts`;
    expect(row).toEqual({
      ...{ quota: null, delivery: 'offline', days: [], group_types: [], is_local: false, starts_at: null },
    });
  });

  it('fails a name that its course has; the first sound one of the records has it', async () => {
    await training.apply(createCohort, [named('Stored')]);
    const results = await training.apply(createCohort, [
      named('Stored'),
      { course: 'Physics', name: 'Stored' },
      named('New', { days: 'someday' }),
      named('New', { room: 'first' }),
      named('New', { room: 'second' }),
    ]);
    expect(results.map((result) => (result.status === 'failed' ? result.error : 'ok'))).toEqual([
      {
        code: 'cohort_exists',
        message: 'the course "Algebra" has a cohort "Stored" already',
        field: 'name',
      },
      'ok',
      {
        code: 'day_unknown',
        message: '"someday" is no weekday; they are mon, tue, wed, thu, fri, sat, sun',
        field: 'days',
      },
      'ok',
      expect.objectContaining({ code: 'cohort_exists' }),
    ]);
    expect(await sheaf.sql`select room from cohorts where name = 'New'`).toEqual([{ room: 'first' }]);
  });

  it('fails what would end before it starts, to the microsecond', async () => {
    const span = (name: string, starts_at: string, ends_at: string) => named(name, { starts_at, ends_at });
    const codes = await training.codes(createCohort, [
      span('a', '2027-01-01T10:00:00+02:00', '2027-01-01T08:00:00Z'),
      span('b', '2027-01-01T10:00:00+02:00', '2027-01-01T07:59:59Z'),
      span('c', '2027-01-01T08:00:00.000002Z', '2027-01-01T08:00:00.000001Z'),
      span('d', '2027-01-01T08:00:00.000001Z', '2027-01-01T08:00:00.0000009Z'),
    ]);
    expect(codes).toEqual(['ok', 'ends_before_start', 'ends_before_start', 'ok']);
  });

  it('refuses addresses that a browser would run, and quotas that are none', () => {
    const fields = (input: object) => createCohort.checkInput(input).map(({ field }) => field);
    expect(fields(named('a', { thumbnail_url: 'javascript:alert(1)' }))).toEqual(['thumbnail_url']);
    expect(fields(named('a', { quota: -1 }))).toEqual(['quota']);
    expect(fields(named('a', { quota: 1.5 }))).toEqual(['quota']);
    expect(fields(named('a', { delivery: 'by post' }))).toEqual(['delivery']);
    expect(fields(named('', { starts_at: '2027-01-01' }))).toEqual(['name', 'starts_at']);
    expect(fields({ course: 'x'.repeat(200), name: '漢'.repeat(200) })).toEqual([]);
  });

  it('keeps the longest names that it takes', async () => {
    const longest = { course: '漢'.repeat(200), name: '字'.repeat(200) };
    expect(await training.codes(createCohort, [longest])).toEqual(['ok']);
  });

  it('made twice at the same time: the second waits, and fails', async () => {
    const [one, two] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(createCohort, [named('b'), named('a')], { beforeCommit }),
      () => training.codes(createCohort, [named('c'), named('b')]),
    );
    expect([one, two]).toEqual([
      ['ok', 'ok'],
      ['ok', 'cohort_exists'],
    ]);
    expect(await names()).toEqual(['a', 'b', 'c']);
  });

  it('in accounts of their own they do not meet', async () => {
    const accountId = await addAccount(sheaf.sql);
    expect(await training.codes(createCohort, [named('a')])).toEqual(['ok']);
    expect(await training.codes(createCohort, [named('a')], { accountId })).toEqual(['ok']);
    expect(await training.codes(deleteCohort, [of('a')], { accountId })).toEqual(['ok']);
    expect(await names()).toEqual(['a']);
    const theirs = { cohort_id: await idOf('a'), name: 'taken over' };
    expect(await training.codes(updateCohort, [theirs], { accountId })).toEqual(['cohort_not_found']);
    expect(await names()).toEqual(['a']);
  });
});

describe('naming a cohort', () => {
  it('by its id, by course and name, by both if they agree', async () => {
    await training.apply(createCohort, [named('a'), named('b')]);
    const cohort_id = await idOf('a');
    const inputs = [
      { cohort_id },
      { cohort_id: `urn:uuid:${cohort_id.toUpperCase()}` },
      of('a'),
      of('a', { cohort_id }),
      { cohort_id, course: 'Algebra' },
      of('b', { cohort_id }),
      { cohort_id, course: 'Physics' },
      { cohort_id: NOBODY },
      of('c'),
      { course: 'Physics', cohort: 'a' },
      { course: 'Algebra' },
      { cohort: 'a' },
      {},
    ];
    const results = await training.apply(updateCohort, inputs);
    expect(
      results.map((result) =>
        result.status === 'failed' ? `${result.error.code} ${result.error.field}` : 'ok',
      ),
    ).toEqual([
      ...['ok', 'ok', 'ok', 'ok', 'ok'],
      ...['cohort_differs cohort', 'cohort_differs course'],
      ...['cohort_not_found cohort_id', 'cohort_not_found cohort', 'cohort_not_found cohort'],
      ...['cohort_not_named cohort', 'cohort_not_named course', 'cohort_not_named cohort_id'],
    ]);
  });
});

describe('update_cohort', () => {
  it('writes what is given, and leaves what is blank', async () => {
    const before = named('a', { room: 'B 12', quota: 3, days: 'mon', is_local: true, delivery: 'online' });
    await training.apply(createCohort, [before, named('b', { room: 'other' })]);
    await sheaf.sql`update cohorts set modified_at = now() - interval '1 day'`;
    const inputs = [of('a', { room: 'C 1' }), of('a', { quota: 0, days: ';', is_local: false })];
    expect(await training.codes(updateCohort, inputs)).toEqual(['ok', 'ok']);
    const rows = await sheaf.sql`
      select room, quota, days, is_local, delivery, modified_at > now() - interval '1 hour' as touched
      from cohorts order by name`;
    expect(rows).toEqual([
      { room: 'C 1', quota: 0, days: [], is_local: false, delivery: 'online', touched: true },
      { room: 'other', quota: null, days: [], is_local: false, delivery: 'offline', touched: false },
    ]);
  });

  it('takes the records one after the other: chains of names, and swaps', async () => {
    await training.apply(createCohort, [named('a'), named('b'), named('c'), named('kept')]);
    const [a, b] = [await idOf('a'), await idOf('b')];
    const codes = await training.codes(updateCohort, [
      of('a', { name: 'kept' }),
      of('a', { name: 'b' }),
      of('a', { name: 'x' }),
      { cohort_id: b, name: 'a' },
      of('a', { name: 'b' }),
      of('x', { name: 'a' }),
      of('c', { name: 'x', room: '1' }),
      of('x', { room: '2' }),
      of('c', { room: '3' }),
      of('b', { name: 'b' }),
    ]);
    expect(codes).toEqual([
      ...['cohort_exists', 'cohort_exists', 'ok', 'ok', 'ok', 'ok'],
      ...['ok', 'ok', 'cohort_not_found', 'ok'],
    ]);
    expect(await idOf('a')).toBe(a);
    expect(await idOf('b')).toBe(b);
    expect(await names()).toEqual(['a', 'b', 'kept', 'x']);
    expect(await sheaf.sql`select room from cohorts where name = 'x'`).toEqual([{ room: '2' }]);
  });

  it('lets two cohorts swap their names', async () => {
    await training.apply(createCohort, [named('a'), named('b')]);
    const [a, b] = [await idOf('a'), await idOf('b')];
    const swap = [
      { cohort_id: a, name: 'x' },
      { cohort_id: b, name: 'a' },
      { cohort_id: a, name: 'b' },
    ];
    expect(await training.codes(updateCohort, swap)).toEqual(['ok', 'ok', 'ok']);
    expect([await idOf('a'), await idOf('b')]).toEqual([b, a]);
  });

  it('fails an end before the start, whichever of them is stored', async () => {
    const times = { starts_at: '2027-01-01T08:00:00.5Z', ends_at: '2027-01-02T08:00:00Z' };
    await training.apply(createCohort, [named('a', times)]);
    const results = await training.apply(updateCohort, [
      of('a', { ends_at: '2027-01-01T08:00:00Z' }),
      of('a', { starts_at: '2027-01-03T08:00:00Z' }),
      of('a', { ends_at: '2027-01-01T08:00:00.5Z' }),
      of('a', { starts_at: '2027-01-02T08:00:00Z' }),
    ]);
    expect(results.map((result) => (result.status === 'failed' ? result.error.field : 'ok'))).toEqual([
      'ends_at',
      'starts_at',
      'ok',
      'starts_at',
    ]);
  });

  it('lets no quota go under those that are enrolled', async () => {
    await training.addLearners('1', '2', '3');
    await training.apply(createCohort, [named('a', { quota: 3 })]);
    await training.apply(
      enrollLearner,
      ['1', '2', '3'].map((learner_id) => of('a', { learner_id })),
    );
    const results = await training.apply(updateCohort, [of('a', { quota: 2 }), of('a', { quota: 3 })]);
    expect(results[0]).toMatchObject({
      error: {
        code: 'quota_below_enrolled',
        message: '3 learners are enrolled, which is more than 2',
        field: 'quota',
      },
    });
    expect(results[1]?.status).toBe('succeeded');
  });

  it('waits for an enrolment that is under way, and counts it', async () => {
    await training.addLearners('1');
    await training.apply(createCohort, [named('a', { quota: 1 })]);
    const [one, two] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(enrollLearner, [of('a', { learner_id: '1' })], { beforeCommit }),
      () => training.codes(updateCohort, [of('a', { quota: 0 })]),
    );
    expect([one, two]).toEqual([['ok'], ['quota_below_enrolled']]);
  });

  it('that is renamed meanwhile is not found by its old name', async () => {
    await training.apply(createCohort, [named('a')]);
    const [one, two] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(updateCohort, [of('a', { name: 'b' })], { beforeCommit }),
      () => training.codes(updateCohort, [of('a', { room: '1' })]),
    );
    expect([one, two]).toEqual([['ok'], ['cohort_not_found']]);
  });

  it('to a name that another transaction gives meanwhile fails, and the other records do not', async () => {
    await training.apply(createCohort, [named('a'), named('b')]);
    const [one, two] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(createCohort, [named('new')], { beforeCommit }),
      () => training.apply(updateCohort, [of('b', { room: '1' }), of('a', { name: 'new' })]),
    );
    expect(one).toEqual(['ok']);
    expect(two[0]?.status).toBe('succeeded');
    expect(two[1]).toMatchObject({ error: { code: 'cohort_exists', field: 'name' } });
    expect(await names()).toEqual(['a', 'b', 'new']);
  });
});

describe('delete_cohort', () => {
  it('deletes what is empty; with learners only if it is told to', async () => {
    await training.addLearners('1', '2');
    await training.apply(createCohort, [named('empty'), named('full'), named('other')]);
    const enrollments = ['1', '2'].flatMap((learner_id) => [
      of('full', { learner_id }),
      of('other', { learner_id }),
    ]);
    await training.apply(enrollLearner, enrollments);
    const [empty, full, again] = await training.apply(deleteCohort, [of('empty'), of('full'), of('empty')]);
    expect(empty).toMatchObject({ output: { withdrawn: 0 } });
    expect(full).toEqual({
      status: 'failed',
      error: { code: 'cohort_not_empty', message: 'the cohort "full" has 2 learners', field: 'cohort' },
    });
    expect(again).toMatchObject({ error: { code: 'cohort_not_found' } });
    expect(await names()).toEqual(['full', 'other']);

    const settings = { with_enrollments: true };
    const [gone] = await training.apply(deleteCohort, [of('full')], { settings });
    expect(gone).toMatchObject({ output: { withdrawn: 2 } });
    expect(await names()).toEqual(['other']);
    expect(await training.enrolled('other')).toBe(2);
    expect(await sheaf.sql`select from enrollments`).toHaveLength(2);
  });

  it('leaves nobody enrolled in a cohort that is gone', async () => {
    await training.addLearners('1');
    await training.apply(createCohort, [named('a')]);
    const [one, two] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(deleteCohort, [of('a')], { beforeCommit }),
      () => training.codes(enrollLearner, [of('a', { learner_id: '1' })]),
    );
    expect([one, two]).toEqual([['ok'], ['cohort_not_found']]);
    expect(await sheaf.sql`select from enrollments`).toHaveLength(0);
  });
});

describe('publish_cohort', () => {
  const events = () => sheaf.sql`select account_id, type, data from events order by id`;

  it('publishes a draft once, and tells of it', async () => {
    await training.addLearners('1', '2');
    await training.apply(createCohort, [named('a'), named('b')]);
    await training.apply(
      enrollLearner,
      ['1', '2'].map((learner_id) => of('a', { learner_id })),
    );
    const [first, second] = await training.apply(publishCohort, [of('a'), of('a')]);
    const output = { cohort_id: await idOf('a'), course: 'Algebra', name: 'a' };
    expect(first).toEqual({
      status: 'succeeded',
      output: { ...output, status: 'published', learners: 2, notified: true },
    });
    expect(second).toEqual({
      status: 'failed',
      error: { code: 'already_published', message: 'the cohort "a" is published already', field: 'cohort' },
    });
    expect(await training.codes(publishCohort, [of('a')])).toEqual(['already_published']);
    expect(await events()).toEqual([
      {
        account_id: sheaf.caller.accountId,
        type: 'cohort.published',
        data: { cohort: output, learners: 2 },
      },
    ]);
    expect(
      await sheaf.sql`select name, status, published_at is not null as at from cohorts order by name`,
    ).toEqual([
      { name: 'a', status: 'published', at: true },
      { name: 'b', status: 'draft', at: false },
    ]);
  });

  it('tells nobody if it is not to', async () => {
    await training.apply(createCohort, [named('a')]);
    const settings = { notify_applicable_users: false };
    const [result] = await training.apply(publishCohort, [of('a')], { settings });
    expect(result).toMatchObject({ output: { notified: false } });
    expect(await events()).toEqual([]);
  });

  it('twice at the same time: one publishes, the other is told so', async () => {
    await training.apply(createCohort, [named('a')]);
    const [one, two] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(publishCohort, [of('a')], { beforeCommit }),
      () => training.codes(publishCohort, [of('a')]),
    );
    expect([one, two]).toEqual([['ok'], ['already_published']]);
    expect(await events()).toHaveLength(1);
  });

  it('is limited to 30 a minute for each account, locked for five minutes', () => {
    expect(publishCohort.limits.rate).toEqual({ records: 30, seconds: 60, per: 'account', lockSeconds: 300 });
  });
});
