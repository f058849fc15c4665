import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unshared } from '../support/namespaces.ts';
import { ROOT } from '../support/program.ts';
import { startSheafProcess } from '../support/sheaf-process.ts';

/**
 * A process whose event loop stands still for ever: a thread of its own ends it, so that whoever supervises it starts it
 * again. Nothing else would: it answers no signal, and for everybody else it runs.
 */

const PATIENT = { timeout: 120_000 };
const SECONDS = 2;

/** A process under the watchdog, as it ended. */
interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  log: string;
}

function startBlocked(way: string, options: { seconds?: number; endToo?: number; under?: string[] } = {}) {
  const { seconds = SECONDS, endToo = '', under = [] } = options;
  const script = ['--import', 'tsx', 'test/support/blocked-program.ts', way, `${seconds}`, `${endToo}`];
  const [program = '', ...args] = [...under, process.execPath, ...script];
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => {
    log += data;
  });
  const up = once(createInterface({ input: child.stdout }), 'line');
  const ended: Promise<Ended> = once(child, 'close').then(([code, signal]) => ({ code, signal, log }));
  return { child, up, ended };
}

const lastWords = ({ log }: Ended) => JSON.parse(log.slice(log.indexOf('{')).split('\n')[0] ?? '');

const WORDS = {
  level: 60,
  msg: `the event loop has stood still for ${SECONDS} seconds; the process is ended, to be started again`,
};

describe.concurrent('a process whose event loop stands still', PATIENT, () => {
  it.each([
    ['in a loop', 'loop', 'loopForEver'],
    ['in a regular expression', 'expression', 'matchForEver'],
    ['in a call of the system', 'program', undefined],
  ])('%s: is ended, and its log says so and where it stood', async (_, way, where) => {
    const ended = await startBlocked(way).ended;
    expect(ended.signal).toBe('SIGKILL');
    expect(lastWords(ended)).toMatchObject(WORDS);
    if (where !== undefined) expect(lastWords(ended).where[0]).toMatch(where);
  });

  it('takes with it what it was told of, which is asked to end in order', async () => {
    const other = spawn('sleep', ['100']);
    const gone = once(other, 'exit');
    await startBlocked('loop', { endToo: other.pid ?? 0 }).ended;
    expect(await gone).toEqual([null, 'SIGINT']);
  });

  it('while a process that was stopped, or is not watched, is left alone', async () => {
    const stopped = startBlocked('nothing');
    const unwatched = startBlocked('loop', { seconds: 0 });
    await Promise.all([stopped.up, unwatched.up]);
    stopped.child.kill('SIGSTOP');
    await sleep(2 * SECONDS * 1000);
    stopped.child.kill('SIGCONT');
    await sleep(SECONDS * 1000);
    for (const { child } of [stopped, unwatched]) {
      expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    }
    stopped.child.kill('SIGTERM');
    unwatched.child.kill('SIGKILL');
    expect(await stopped.ended).toMatchObject({ code: 0 });
    await unwatched.ended;
  });

  const first = unshared('--pid', '--fork', '--mount-proc');
  it.skipIf(first.missing)(
    `as the first process of a container, which takes no signal from within: leaves by itself${first.reason}`,
    async () => {
      const ended = await startBlocked('loop', { under: first.value() }).ended;
      expect(ended.code).toBe(70);
      expect(lastWords(ended)).toMatchObject({ ...WORDS, pid: 1 });
    },
  );
});

/** Comes back from the record `block` only when it has been tried before. */
const OPERATION = (marker: string) => `
import { existsSync, writeFileSync } from 'node:fs';
import { defineOperation, succeeded, Type } from 'sheaf';
export default defineOperation({
  name: 'block_once', version: 1, title: 'Block', description: 'Blocks its process, the first time.',
  input: Type.Object({ id: Type.String() }, { additionalProperties: false }),
  output: Type.Object({ id: Type.String() }, { additionalProperties: false }),
  settings: Type.Object({}, { additionalProperties: false }),
  failures: {},
  async run(records, { sql, accountId }) {
    const ids = records.map(({ input }) => input.id);
    await sql\`insert into learners (account_id, learner_id) select \${accountId}::uuid, unnest(\${ids}::text[])\`;
    if (ids.includes('block') && !existsSync(${JSON.stringify(marker)})) {
      writeFileSync(${JSON.stringify(marker)}, '');
      for (;;) Math.random();
    }
    return records.map(({ input }) => succeeded({ id: input.id }));
  },
});
`;

describe('npm start with a handler that does not come back', PATIENT, () => {
  let directory: string;
  let running: Awaited<ReturnType<typeof startSheafProcess>>[];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sheaf-blocked-'));
    running = [];
  });
  afterEach(async () => {
    for (const sheaf of running) await sheaf.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is ended and its PostgreSQL with it; started again, it completes the batch, each record once', async () => {
    const data = join(directory, 'data');
    const file = join(directory, 'block-once.ts');
    await writeFile(file, OPERATION(join(directory, 'blocked')));
    const settings = {
      SHEAF_OPERATIONS: file,
      SHEAF_BLOCKED_SECONDS: '5',
      SHEAF_LEASE_SECONDS: '3',
      SHEAF_SWEEP_SECONDS: '1',
      SHEAF_CHUNK_RECORDS: '50',
    };
    const blocked = await startSheafProcess(data, settings);
    running.push(blocked);
    const ended = once(blocked.child, 'exit');
    const ids = Array.from({ length: 200 }, (_, n) => (n === 120 ? 'block' : `id${n}`));
    await writeFile(join(directory, 'ids.csv'), `id\n${ids.join('\n')}\n`);
    const handler = await blocked.client.uploadFile(join(directory, 'ids.csv'));
    const { batch: id } = await blocked.client.createBatch({ handler, operation: 'block_once' });

    expect(await ended).toEqual([null, 'SIGKILL']);
    running.pop();
    expect(blocked.log()).toMatch(
      /"where":\["[^"]*run[^"]*block-once\.ts.*the event loop has stood still for 5 seconds/,
    );
    await untilGone(await postmaster(data));

    const sheaf = await startSheafProcess(data, settings);
    running.push(sheaf);
    expect(await sheaf.client.follow(id, { interval: 200 })).toMatchObject({
      status: 'completed',
      counts: { total: 200, succeeded: 200, failed: 0, skipped: 0, unprocessed: 0 },
    });
  });
});

/** The pid in the file that PostgreSQL removes when it ends in order. */
async function postmaster(data: string): Promise<number | null> {
  const text = await readFile(join(data, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').catch(() => null);
  return text === null ? null : Number(text.split('\n')[0]);
}

async function untilGone(pid: number | null): Promise<void> {
  for (;;) {
    try {
      if (pid === null) return;
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(50);
  }
}
