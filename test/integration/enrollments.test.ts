import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCohort } from '../../src/operations/training/create-cohort.ts';
import { deleteCohort } from '../../src/operations/training/delete-cohort.ts';
import { enrollLearner } from '../../src/operations/training/enroll-learner.ts';
import { publishCohort } from '../../src/operations/training/publish-cohort.ts';
import { updateCohort } from '../../src/operations/training/update-cohort.ts';
import { withdrawLearner } from '../../src/operations/training/withdraw-learner.ts';
import { addAccount } from '../support/rows.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { clearTraining, numbered, type Training, tally, useTraining } from '../support/training.ts';

/** `enroll_learner` and `withdraw_learner` on a real database, and many sessions of it. */

const SESSIONS = 40;

let sheaf: TestSheaf;
let training: Training;

useTraining((opened) => ({ sheaf, training } = opened), { sessions: SESSIONS });

const of = (cohort: string, more: object = {}) => ({ course: 'Algebra', cohort, ...more });

async function addCohorts(quotas: Record<string, number | undefined>): Promise<void> {
  const inputs = Object.entries(quotas).map(([name, quota]) => ({
    ...{ course: 'Algebra', name },
    ...(quota !== undefined && { quota }),
  }));
  await training.apply(createCohort, inputs);
}

describe('enroll_learner', () => {
  it('enrols a learner once, and says in what', async () => {
    await training.addLearners('ada');
    await addCohorts({ a: undefined });
    const [row] = await sheaf.sql<{ id: string }[]>`select id from cohorts`;
    const [done, twice] = await training.apply(enrollLearner, [
      of('a', { learner_id: 'ada' }),
      { cohort_id: row!.id, learner_id: 'ada' },
    ]);
    expect(done).toEqual({
      status: 'succeeded',
      output: { learner_id: 'ada', cohort_id: row!.id, course: 'Algebra', cohort: 'a' },
    });
    expect(twice).toEqual({
      status: 'failed',
      error: {
        code: 'already_enrolled',
        message: 'the learner "ada" is enrolled in the cohort "a" already',
        field: 'learner_id',
      },
    });
    expect(await training.codes(enrollLearner, [of('a', { learner_id: 'ada' })])).toEqual([
      'already_enrolled',
    ]);
    expect(await training.enrolled('a')).toBe(1);
  });

  it('fails for learners, cohorts and seats that there are none of', async () => {
    await training.addLearners('1', '2', '3');
    await addCohorts({ a: 1, none: 0 });
    const results = await training.apply(enrollLearner, [
      of('a', { learner_id: 'nobody' }),
      of('b', { learner_id: '1' }),
      { learner_id: '1' },
      of('none', { learner_id: '1' }),
      of('a', { learner_id: '2' }),
      of('a', { learner_id: '1' }),
      of('a', { learner_id: '2' }),
    ]);
    expect(results.map((result) => (result.status === 'failed' ? result.error.message : 'ok'))).toEqual([
      'there is no learner with the id "nobody"',
      'the course "Algebra" has no cohort "b"',
      'name the cohort: give cohort_id, or both course and cohort',
      'the cohort "none" has no seats',
      'ok',
      'the cohort "a" has its 1 seat taken',
      'the learner "2" is enrolled in the cohort "a" already',
    ]);
  });

  it('gives seats in the order of the records, whatever the ids', async () => {
    await training.addLearners('z', 'y', 'x', 'w');
    await addCohorts({ a: 2 });
    const inputs = ['z', 'x', 'w', 'y'].map((learner_id) => of('a', { learner_id }));
    expect(await training.codes(enrollLearner, inputs)).toEqual([
      'ok',
      'ok',
      'quota_exceeded',
      'quota_exceeded',
    ]);
    const rows = await sheaf.sql`select learner_id from enrollments order by learner_id`;
    expect(rows.map(({ learner_id }) => learner_id)).toEqual(['x', 'z']);
  });

  it('sees nothing of another account', async () => {
    await training.addLearners('ada');
    await addCohorts({ a: undefined });
    const accountId = await addAccount(sheaf.sql);
    const input = of('a', { learner_id: 'ada' });
    expect(await training.codes(enrollLearner, [input], { accountId })).toEqual(['cohort_not_found']);
    await training.apply(createCohort, [{ course: 'Algebra', name: 'a' }], { accountId });
    expect(await training.codes(enrollLearner, [input], { accountId })).toEqual(['learner_not_found']);
    expect(await training.codes(enrollLearner, [input])).toEqual(['ok']);
    expect(await training.codes(withdrawLearner, [input], { accountId })).toEqual(['not_enrolled']);
  });
});

describe('withdraw_learner', () => {
  it('gives the seat back, once', async () => {
    await training.addLearners('1', '2');
    await addCohorts({ a: 1 });
    await training.apply(enrollLearner, [of('a', { learner_id: '1' })]);
    const results = await training.apply(withdrawLearner, [
      of('a', { learner_id: '2' }),
      of('a', { learner_id: '1' }),
      of('a', { learner_id: '1' }),
      of('b', { learner_id: '1' }),
    ]);
    expect(results.map((result) => (result.status === 'failed' ? result.error.code : 'ok'))).toEqual([
      'not_enrolled',
      'ok',
      'not_enrolled',
      'cohort_not_found',
    ]);
    expect(results[0]).toMatchObject({
      error: { message: 'the learner "2" is not enrolled in the cohort "a"', field: 'learner_id' },
    });
    expect(await training.enrolled('a')).toBe(0);
    expect(await training.codes(enrollLearner, [of('a', { learner_id: '2' })])).toEqual(['ok']);
  });
});

describe('at once', () => {
  it('of 1,000 for the last 10 seats, 10 have one', async () => {
    const earlier = numbered(5, 'earlier');
    const racers = numbered(1000);
    await training.addLearners(...earlier, ...racers);
    await addCohorts({ a: 15 });
    await training.apply(
      enrollLearner,
      earlier.map((learner_id) => of('a', { learner_id })),
    );
    const calls = racers.map((learner_id) => training.codes(enrollLearner, [of('a', { learner_id })]));
    const codes = (await Promise.all(calls)).flat();
    expect(tally(codes)).toEqual({ ok: 10, quota_exceeded: 990 });
    expect(await training.enrolled('a')).toBe(15);
  });

  it('the same learner, forty times: it is enrolled once', async () => {
    await training.addLearners('ada');
    await addCohorts({ a: undefined });
    const calls = numbered(SESSIONS).map(() =>
      training.codes(enrollLearner, [of('a', { learner_id: 'ada' })]),
    );
    expect(tally((await Promise.all(calls)).flat())).toEqual({ ok: 1, already_enrolled: SESSIONS - 1 });
    expect(await training.enrolled('a')).toBe(1);
  });

  it('many cohorts in any order, in and out: no deadlock, and no seat too many', async () => {
    const cohorts = numbered(6, 'c');
    const learners = numbered(30);
    await training.addLearners(...learners);
    await addCohorts(Object.fromEntries(cohorts.map((name) => [name, 7])));
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const calls = Array.from({ length: 300 }, async (_, index) => {
      const operation = index % 3 === 2 ? withdrawLearner : enrollLearner;
      const inputs = Array.from({ length: 20 }, () =>
        of(cohorts[random(cohorts.length)]!, { learner_id: learners[random(learners.length)]! }),
      );
      const codes = await training.codes(operation, inputs);
      return { by: operation === enrollLearner ? 1 : -1, ok: tally(codes).ok ?? 0 };
    });
    // Somebody looks all the while: the invariant holds at every moment, not only in the end.
    let over = false;
    const looking = (async () => {
      while (!over) {
        for (const name of cohorts) expect(await training.enrolled(name)).toBeLessThanOrEqual(7);
      }
    })();
    const outcomes = await Promise.all(calls);
    over = true;
    await looking;
    const left = outcomes.reduce((sum, { by, ok }) => sum + by * ok, 0);
    const counts = await Promise.all(cohorts.map((name) => training.enrolled(name)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(left);
    expect(left).toBeGreaterThan(0);
  });

  it('while the quota changes, it is kept too', async () => {
    const learners = numbered(200);
    await training.addLearners(...learners);
    await addCohorts({ a: 5 });
    const changes: string[] = [];
    const enrolled: string[] = [];
    await Promise.all(
      learners.map(async (learner_id, index) => {
        // Up and down, and further up on the whole.
        const quota = Math.floor(index / 4) + 10 * (index % 3);
        if (index % 2 === 0) changes.push(...(await training.codes(updateCohort, [of('a', { quota })])));
        else enrolled.push(...(await training.codes(enrollLearner, [of('a', { learner_id })])));
      }),
    );
    const [cohort] = await sheaf.sql<{ quota: number }[]>`select quota from cohorts`;
    expect(await training.enrolled('a')).toBe(tally(enrolled).ok);
    expect(await training.enrolled('a')).toBeLessThanOrEqual(cohort!.quota);
    expect(Object.keys(tally(changes)).sort()).toEqual(['ok', 'quota_below_enrolled']);
    expect(Object.keys(tally(enrolled)).sort()).toEqual(['ok', 'quota_exceeded']);
  });
});

describe('the number of statements', () => {
  it('does not grow with the records', async () => {
    const learners = numbered(5000);
    const cohorts = numbered(500, 'c');
    const pairs = learners.map((learner_id, index) => of(cohorts[index % 500]!, { learner_id }));
    const changes = cohorts.map((cohort, index) => of(cohort, { name: `c${(index + 1) % 500}x`, quota: 5 }));
    const steps = [
      {
        operation: createCohort,
        inputs: cohorts.map((name) => ({ course: 'Algebra', name, quota: 9 })),
        most: 1,
      },
      { operation: enrollLearner, inputs: [...pairs, ...pairs], most: 3 },
      { operation: withdrawLearner, inputs: [...pairs.slice(0, 4000), ...pairs], most: 2 },
      { operation: updateCohort, inputs: changes, most: 4 },
      { operation: publishCohort, inputs: cohorts.map((cohort) => of(`${cohort}x`)), most: 2 },
      { operation: deleteCohort, inputs: cohorts.map((cohort) => of(`${cohort}x`)), most: 2 },
    ];
    await training.addLearners(...learners);
    for (const { operation, inputs, most } of steps) {
      let statements = 0;
      const onStatement = () => {
        statements += 1;
      };
      const codes = await training.codes(operation, inputs, { onStatement });
      expect(tally(codes).ok, operation.name).toBeGreaterThanOrEqual(500);
      expect(statements, operation.name).toBeLessThanOrEqual(most);
    }
  });
});

describe('any sequence of chunks', () => {
  const LEARNERS = ['1', '2', '3', '4'];
  type Step = { operation: 'enroll' | 'withdraw'; records: { learner: string; cohort: string }[] };

  /** Each record by itself, on sets in memory. */
  function model(
    state: Map<string, Set<string>>,
    quotas: Record<string, number | undefined>,
    step: Step,
  ): string[] {
    return step.records.map(({ learner, cohort }) => {
      const enrolled = state.get(cohort);
      if (enrolled === undefined) return 'cohort_not_found';
      if (step.operation === 'withdraw') return enrolled.delete(learner) ? 'ok' : 'not_enrolled';
      if (!LEARNERS.includes(learner)) return 'learner_not_found';
      if (enrolled.has(learner)) return 'already_enrolled';
      if (enrolled.size >= (quotas[cohort] ?? Number.POSITIVE_INFINITY)) return 'quota_exceeded';
      enrolled.add(learner);
      return 'ok';
    });
  }

  it('comes to what the records come to one after the other', async () => {
    const record = fc.record({
      learner: fc.constantFrom(...LEARNERS, 'nobody'),
      cohort: fc.constantFrom('a', 'b', 'c', 'none'),
    });
    const step = fc.record({
      operation: fc.constantFrom('enroll' as const, 'enroll' as const, 'withdraw' as const),
      records: fc.array(record, { minLength: 1, maxLength: 12 }),
    });
    const quotas = fc.record({
      a: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
      b: fc.integer({ min: 0, max: 3 }),
      c: fc.constant(undefined),
    });
    await fc.assert(
      fc.asyncProperty(quotas, fc.array(step, { minLength: 1, maxLength: 5 }), async (given, steps) => {
        await clearTraining(sheaf.sql);
        await training.addLearners(...LEARNERS);
        await addCohorts(given);
        const state = new Map(Object.keys(given).map((name) => [name, new Set<string>()]));
        for (const one of steps) {
          const operation = one.operation === 'enroll' ? enrollLearner : withdrawLearner;
          const inputs = one.records.map(({ learner, cohort }) => of(cohort, { learner_id: learner }));
          expect(await training.codes(operation, inputs)).toEqual(model(state, given, one));
          for (const [name, enrolled] of state) expect(await training.enrolled(name)).toBe(enrolled.size);
        }
        const rows = await sheaf.sql<{ name: string; learner: string }[]>`
          select c.name, e.learner_id as learner from enrollments e join cohorts c on c.id = e.cohort_id`;
        const stored = rows.map(({ name, learner }) => `${name} ${learner}`).sort();
        expect(stored).toEqual(
          [...state].flatMap(([name, all]) => [...all].map((one) => `${name} ${one}`)).sort(),
        );
      }),
      { numRuns: 80 },
    );
  });
});
