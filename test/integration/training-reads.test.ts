import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCohort } from '../../src/operations/training/create-cohort.ts';
import { enrollLearner } from '../../src/operations/training/enroll-learner.ts';
import { publishCohort } from '../../src/operations/training/publish-cohort.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { addAccount } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { clearTraining, openTraining, type Training } from '../support/training.ts';

/** The reads of cohorts, their learners and courses over HTTP, on a real database. */

const NOBODY = '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10';

let sheaf: TestSheaf;
let training: Training;
let api: TestApi;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  training = openTraining(sheaf);
  api = await openTestApi(sheaf);
});
afterAll(async () => {
  await api.close();
  await training.close();
  await sheaf.close();
});
beforeEach(() => clearTraining(sheaf.sql));

async function get(url: string, account?: string) {
  const response = await api.request({ method: 'GET', url, ...(account !== undefined && { account }) });
  return { status: response.statusCode, body: response.json() };
}

async function idOf(name: string): Promise<string> {
  const [row] = await sheaf.sql<{ id: string }[]>`select id from cohorts where name = ${name}`;
  return row!.id;
}

const named = (name: string, more: object = {}) => ({ course: 'Algebra', name, ...more });
const namesOf = (body: { results: { name: string }[] }) => body.results.map(({ name }) => name);

describe('GET /training/cohorts/{cohort_id}', () => {
  it('has everything of a cohort, and the seats that are left', async () => {
    await training.addLearners('1', '2');
    await training.apply(createCohort, [
      named('a', {
        ...{ description: 'd', thumbnail_url: 'https://example.org/a.png', room: 'B 12', quota: 5 },
        ...{ starts_at: '2027-02-01T08:00:00.123956Z', ends_at: '2027-06-30T17:00:00Z', days: 'mon;wed' },
        ...{ delivery: 'hybrid', group_types: 'x;y', is_local: true },
      }),
      named('b'),
    ]);
    const enrollments = ['1', '2'].map((learner_id) => ({ learner_id, course: 'Algebra', cohort: 'a' }));
    await training.apply(enrollLearner, enrollments);
    const id = await idOf('a');
    const { status, body } = await get(`/training/cohorts/${id.toUpperCase()}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...{ cohort_id: id, course: 'Algebra', name: 'a', description: 'd', room: 'B 12' },
      ...{ thumbnail_url: 'https://example.org/a.png', starts_at: 1801468800.123, ends_at: 1814374800 },
      ...{ quota: 5, enrolled: 2, quota_left: 3, delivery: 'hybrid', days: ['mon', 'wed'] },
      ...{ group_types: ['x', 'y'], is_local: true, status: 'draft', published_at: null },
      ...{ created_at: expect.any(Number), modified_at: expect.any(Number) },
    });
    expect(Math.abs(body.created_at - Date.now() / 1000)).toBeLessThan(3600);
    expect(body.created_at).toBe(Math.round(body.created_at * 1000) / 1000);

    await training.apply(publishCohort, [{ cohort_id: await idOf('b') }]);
    expect((await get(`/training/cohorts/${await idOf('b')}`)).body).toMatchObject({
      ...{ quota: null, quota_left: null, status: 'published', published_at: expect.any(Number) },
    });
  });

  it('is 404 for what is no cohort of the account', async () => {
    await training.apply(createCohort, [named('a')]);
    const other = await addAccount(sheaf.sql);
    for (const [path, account] of [
      [NOBODY, undefined],
      ['nonsense', undefined],
      [`urn:uuid:${NOBODY}`, undefined],
      [await idOf('a'), other],
    ] as const) {
      for (const rest of ['', '/learners']) {
        const { status, body } = await get(`/training/cohorts/${path}${rest}`, account);
        expect([path, status, body.code]).toEqual([path, 404, 'cohort_not_found']);
      }
    }
  });
});

describe('GET /training/cohorts', () => {
  it('lists 20 a page, newest first, with links that lead from one to the next', async () => {
    const names = Array.from({ length: 45 }, (_, index) => `cohort ${index}`);
    await training.apply(
      createCohort,
      names.map((name) => named(name)),
    );
    const seen: string[] = [];
    const links: (string | null)[] = [];
    let next: string | null = '/training/cohorts?course=Algebra';
    while (next !== null) {
      const { status, body } = await get(next);
      expect([status, body.count, body.per_page]).toEqual([200, 45, 20]);
      seen.push(...namesOf(body));
      links.push(body.previous);
      next = body.next;
    }
    expect(seen).toEqual(names.reverse());
    expect(links).toEqual([
      null,
      '/training/cohorts?course=Algebra&page=1',
      '/training/cohorts?course=Algebra&page=2',
    ]);
    const past = await get('/training/cohorts?page=1000000000');
    expect(past.body).toEqual({
      ...{ count: 45, next: null, previous: '/training/cohorts?page=3', per_page: 20, results: [] },
    });
  });

  it('searches names, courses, descriptions and rooms, whatever the case, and nothing is a wildcard', async () => {
    await training.apply(createCohort, [
      named('Spring ÄB'),
      { course: 'Physics of springs', name: 'x' },
      named('y', { description: 'after SPRING' }),
      named('z', { room: 'spring hall' }),
      named('100%'),
      named('a_b'),
    ]);
    const search = async (text: string) =>
      namesOf((await get(`/training/cohorts?search=${encodeURIComponent(text)}`)).body).sort();
    expect(await search('sPRing')).toEqual(['Spring ÄB', 'x', 'y', 'z']);
    expect(await search('äb')).toEqual(['Spring ÄB']);
    expect(await search('%')).toEqual(['100%']);
    expect(await search('_')).toEqual(['a_b']);
    expect(await search(`';--`)).toEqual([]);
  });

  it('filters by course and status, and keeps the filters in its links', async () => {
    await training.apply(createCohort, [named('a'), named('b'), { course: 'Physics & more', name: 'a' }]);
    await training.apply(publishCohort, [{ course: 'Algebra', cohort: 'b' }]);
    expect(namesOf((await get('/training/cohorts?course=Algebra')).body)).toEqual(['b', 'a']);
    expect(namesOf((await get('/training/cohorts?status=published')).body)).toEqual(['b']);
    expect(namesOf((await get('/training/cohorts?status=draft&course=Algebra&search=A')).body)).toEqual([
      'a',
    ]);
    const { body } = await get(`/training/cohorts?course=${encodeURIComponent('Physics & more')}&page=2`);
    expect(body).toMatchObject({ count: 1, results: [] });
    expect((await get(body.previous)).body.results).toHaveLength(1);
  });

  it('shows nothing of another account', async () => {
    await training.apply(createCohort, [named('a')]);
    const other = await addAccount(sheaf.sql);
    const empty = { count: 0, next: null, previous: null, per_page: 20, results: [] };
    expect((await get('/training/cohorts', other)).body).toEqual(empty);
    expect((await get('/training/courses', other)).body).toEqual(empty);
  });

  it.each([
    ['?page=0', '?page'],
    ['?page=x', '?page'],
    ['?page=1.5', '?page'],
    ['?page=99999999999', '?page'],
    ['?status=gone', '?status'],
    ['?search=', '?search'],
    ['?limit=5', '?limit'],
    ['?search=a&search=b', '?search'],
    ['?course=%00', '?course'],
  ])('refuses %s', async (query, pointer) => {
    const { status, body } = await get(`/training/cohorts${query}`);
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, 'invalid_request', pointer]);
  });
});

describe('GET /training/cohorts/{cohort_id}/learners', () => {
  it('lists the learners by their ids, with what is known of them', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `l${String(index).padStart(2, '0')}`);
    await training.addLearners(...ids);
    await sheaf.sql`update learners set email = 'ada@example.org', given_name = 'Ada' where learner_id = 'l00'`;
    await training.apply(createCohort, [named('a'), named('b')]);
    await training.apply(
      enrollLearner,
      ids.map((learner_id) => ({ learner_id, course: 'Algebra', cohort: 'a' })),
    );
    const path = `/training/cohorts/${await idOf('a')}/learners`;
    const first = (await get(path)).body;
    expect(first).toMatchObject({ count: 25, next: `${path}?page=2`, previous: null });
    expect(first.results[0]).toEqual({
      ...{ learner_id: 'l00', email: 'ada@example.org', given_name: 'Ada', family_name: null },
      enrolled_at: expect.any(Number),
    });
    const second = (await get(first.next)).body;
    expect(second).toMatchObject({ count: 25, next: null, previous: `${path}?page=1` });
    const listed = [...first.results, ...second.results].map(({ learner_id }) => learner_id);
    expect(listed).toEqual(ids);
    expect((await get(`/training/cohorts/${await idOf('b')}/learners`)).body).toMatchObject({
      ...{ count: 0, results: [] },
    });
  });
});

describe('GET /training/courses', () => {
  it('are those that cohorts and exams name, with how many do', async () => {
    await training.addLearners('1', '2');
    await training.apply(createCohort, [named('a'), named('b'), { course: 'Physics', name: 'a' }]);
    await training.apply(enrollLearner, [
      { learner_id: '1', course: 'Algebra', cohort: 'a' },
      { learner_id: '1', course: 'Algebra', cohort: 'b' },
      { learner_id: '2', course: 'Algebra', cohort: 'b' },
    ]);
    const { accountId } = sheaf.caller;
    await sheaf.sql`
      insert into exams (account_id, slug, title, course)
      values (${accountId}, 'e1', 'E', 'Physics'), (${accountId}, 'e2', 'E', 'Zoology')`;
    expect((await get('/training/courses')).body).toEqual({
      ...{ count: 3, next: null, previous: null, per_page: 20 },
      results: [
        { course: 'Algebra', cohorts: 2, exams: 0, enrolled: 3 },
        { course: 'Physics', cohorts: 1, exams: 1, enrolled: 0 },
        { course: 'Zoology', cohorts: 0, exams: 1, enrolled: 0 },
      ],
    });
  });
});
