import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres/launch.ts';
import { inspectProcess } from '../../src/embedded/process-identity.ts';

const launcher = new URL('../../src/embedded/postgres/launch.ts', import.meta.url).href;
const postgresJs = import.meta.resolve('postgres');
const tsx = import.meta.resolve('tsx');

let directory: string;
const servers: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-pg-crash-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  // A start stops whatever server a killed program has left, also when a test has failed half way.
  if (servers.length === 0) await start();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await rm(directory, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory, port: 0, password: 'secret' });
  servers.push(server);
  return server;
}

/** A program of its own that starts the server on the directory as `server`, and goes on with `body`. */
function program(body: string): { child: ChildProcess; lines: AsyncIterator<string> } {
  const source = `
    import { startEmbeddedPostgres } from ${JSON.stringify(launcher)};
    import postgres from ${JSON.stringify(postgresJs)};
    const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, port: 0, password: 'secret' });
    const sql = postgres(server.url, { onnotice: () => {} });
    ${body}`;
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  children.push(child);
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done) throw new Error('the program ended');
  return value;
}

async function kill9(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function ended(pid: number): Promise<void> {
  while ((await inspectProcess(pid)).alive) await delay(20);
}

async function numbers(server: EmbeddedPostgres): Promise<number[]> {
  const sql = postgres(server.url, { max: 1 });
  try {
    return (await sql`select n from written order by n`).map((row) => row.n as number);
  } finally {
    await sql.end();
  }
}

const WRITER = `
  await sql\`create table written (n int primary key)\`;
  console.log(server.pid);
  for (let n = 1; ; n++) {
    await sql\`insert into written values (\${n})\`;
    console.log(n);
  }`;

test.each(['the program', 'the program and the server'])(
  'kill -9 of %s loses no committed row',
  async (what) => {
    const { child, lines } = program(WRITER);
    const pid = Number(await nextLine(lines));
    let committed = 0;
    while (committed < 200) committed = Number(await nextLine(lines));
    if (what !== 'the program') process.kill(pid, 'SIGKILL');
    await kill9(child);
    for (let line = await lines.next(); !line.done; line = await lines.next()) committed = Number(line.value);

    const server = await start();
    expect((await inspectProcess(pid)).alive).toBe(false);
    expect(server.pid).not.toBe(pid);
    const found = await numbers(server);
    // One more may have been committed than the program lived to tell.
    expect([committed, committed + 1]).toContain(found.length);
    expect(found).toEqual(Array.from({ length: found.length }, (_, index) => index + 1));
  },
);

test('kill -9 during initdb: the half-made cluster is remade', async () => {
  const { child } = program('console.log(server.pid)');
  const drafts = async () => (await readdir(directory)).filter((name) => name.startsWith('initdb-'));
  while ((await drafts()).length === 0) await delay(2);
  await kill9(child);
  const half = await drafts();
  expect(half).toHaveLength(1); // else the kill came too late to prove anything
  await start();
  expect(await drafts()).toEqual([]);
});

test('a postmaster.pid whose pid is another program’s now is no obstacle, and that program is left alone', async () => {
  const first = await start();
  const path = join(directory, 'cluster', 'postmaster.pid');
  const file = await readFile(path, 'utf8');
  await servers.pop()!.close();
  const stranger = spawn('sleep', ['3600'], { stdio: 'ignore' });
  children.push(stranger);
  await once(stranger, 'spawn');
  // Of the same user, so that PostgreSQL alone would take it for a server and refuse.
  await writeFile(path, file.replace(String(first.pid), String(stranger.pid)));
  const second = await start();
  expect((await readFile(path, 'utf8')).split('\n')[0]).toBe(String(second.pid));
  expect((await inspectProcess(stranger.pid!)).alive).toBe(true);
});

test('an empty postmaster.pid, as a power cut leaves it, is no obstacle', async () => {
  await start();
  await servers.pop()!.close();
  await writeFile(join(directory, 'cluster', 'postmaster.pid'), '');
  await start();
});

test('sessions that outlive a killed server are waited for, not run beside', async () => {
  const first = await start();
  const sql = postgres(first.url, { max: 1, onnotice: () => {} });
  const [session] = await sql`select pg_backend_pid() as pid`;
  const busy = sql`do $$ declare since timestamptz := clock_timestamp();
    begin while clock_timestamp() < since + interval '3 s' loop end loop; end $$`.catch((error) => error);
  await delay(200); // lets it begin; were it not busy yet, it would end by itself, and the test prove less
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  await servers.pop()!.close();
  await start();
  expect((await inspectProcess(session!.pid)).alive).toBe(false);
  await busy;
  await sql.end({ timeout: 1 });
});

test('a program that ends without close takes the server with it', async () => {
  const { child, lines } = program('console.log(server.pid); process.exit(3);');
  const exit = once(child, 'exit');
  const pid = Number(await nextLine(lines));
  expect(await exit).toEqual([3, null]);
  await ended(pid);
});

test('Ctrl-C at the terminal does not reach the server before the program has finished with it', async () => {
  const { child, lines } = program(`
    process.on('SIGINT', async () => {
      const [row] = await sql\`select 42 as answer\`;
      await sql.end();
      await server.close();
      console.log(row.answer);
      process.exit(0);
    });
    console.log(server.pid);
    setInterval(() => {}, 1000);`);
  const pid = Number(await nextLine(lines));
  process.kill(-child.pid!, 'SIGINT'); // the whole group, as a terminal does
  expect(await nextLine(lines)).toBe('42');
  expect((await inspectProcess(pid)).alive).toBe(false);
});
