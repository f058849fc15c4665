import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../support/event-stream.ts';
import { type HeldLock, holdLearner } from '../support/held-lock.ts';
import { learnersCsv } from '../support/learner-file.ts';
import { type Program, startProgram } from '../support/program.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { settingsOf } from '../support/worker-process.ts';

/** An API process that is told to stop while it has requests: a deploy is no error to whoever asked before. */

const PATIENT = { timeout: 120_000 };
const ADMIN_KEY = 'a-key-of-the-test-that-is-long-enough';
const AUTHORIZED = { authorization: `Bearer ${ADMIN_KEY}` };

let sheaf: TestSheaf;
let lock: HeldLock | undefined;
const running: Program[] = [];

beforeAll(async () => {
  sheaf = await openTestSheaf();
});
afterEach(async () => {
  await lock?.release();
  lock = undefined;
  await Promise.all(running.splice(0).map((program) => program.kill()));
});
afterAll(() => sheaf.close());

async function startApi(settings: Record<string, string>): Promise<Program> {
  const own = { SHEAF_PORT: '0', SHEAF_ADMIN_KEY: ADMIN_KEY, SHEAF_ADMIN_PASSWORD: 'a-long-enough-one' };
  const api = await startProgram(
    'src/api/main.ts',
    { ...settingsOf(sheaf.locations), ...own, ...settings },
    /up at (\S+)/,
  );
  running.push(api);
  return api;
}

/** One record at once, which waits for a lock that the test holds. */
async function heldCall(api: Program, learner: string) {
  lock = await holdLearner(sheaf, learner);
  const calling = fetch(`${api.said}/operations/create_learner`, {
    method: 'POST',
    headers: { ...AUTHORIZED, 'content-type': 'application/json' },
    body: JSON.stringify({ learner_id: learner, email: `${learner}@example.org`, given_name: 'Ada' }),
  });
  // Whoever is answered has not waited.
  const early = calling.then(
    async (answer) => new Error(`answered with ${answer.status}: ${await answer.clone().text()}`),
    (error: Error) => error,
  );
  const waiting = await Promise.race([early, waitsForLock()]);
  if (waiting instanceof Error) throw waiting;
  return { answer: calling };
}

async function waitsForLock(): Promise<void> {
  for (;;) {
    const waiting = await sheaf.sql`
      select from pg_stat_activity
      where datname = current_database() and application_name = 'sheaf call' and wait_event_type = 'Lock'`;
    if (waiting.length > 0) return;
    await sleep(20);
  }
}

const isRefused = (url: string) =>
  new Promise<boolean>((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(false);
    }).on('error', () => resolve(true));
  });

describe('an API process that is told to stop', PATIENT, () => {
  it('takes nothing more, ends event streams in order, and answers what it was asked before', async () => {
    const api = await startApi({ SHEAF_DRAIN_SECONDS: '100' });
    const batch = await sheaf.submit(await sheaf.upload(learnersCsv('a', 1)));
    const events = await readEvents(`${api.said}/batches/${batch}/events`, AUTHORIZED);
    expect(await events.next()).toMatchObject({ event: 'status', data: { status: 'new' } });
    const call = await heldCall(api, 'held1');
    const stopping = api.stop();
    await events.rest();
    while (!(await isRefused(api.said))) await sleep(20);
    await lock?.release();
    lock = undefined;
    const answer = await call.answer;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'succeeded', output: { action: 'created' } });
    expect(await stopping).toBe(0);
  });

  it('waits for nobody once the time to drain is over, and what was not answered has not happened', async () => {
    const api = await startApi({ SHEAF_DRAIN_SECONDS: '1' });
    const call = await heldCall(api, 'held2');
    // A client that never comes to the end of its request.
    const { hostname, port } = new URL(api.said);
    const slow = connect(Number(port), hostname).on('error', () => undefined);
    slow.write(`POST /batches HTTP/1.1\r\nhost: x\r\nauthorization: ${AUTHORIZED.authorization}\r\n`);
    slow.write('content-type: application/json\r\ncontent-length: 1000\r\n\r\n{');
    expect(await api.stop()).toBe(0);
    await expect(call.answer).rejects.toThrow();
    await lock?.release();
    lock = undefined;
    expect(await sheaf.sql`select from learners where learner_id = 'held2'`).toHaveLength(0);
    slow.destroy();
  });
});
