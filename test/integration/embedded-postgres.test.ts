import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/embedded/postgres/launch.ts';

const password = 'p@ss word/1%';
let root: string;
let directory: string;
const running: EmbeddedPostgres[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sheaf-pg-'));
  directory = join(root, 'with a space', 'pg');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  await rm(root, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory, port: 0, password, ...options });
  running.push(server);
  return server;
}

async function ask<T>(server: EmbeddedPostgres, question: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    return await question(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const setting = (server: EmbeddedPostgres, name: string) =>
  ask(server, async (sql) => (await sql`select current_setting(${name}) as value`)[0]?.value);

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a start', () => {
  test('makes a cluster that keeps its data over close and start', async () => {
    const first = await start();
    await ask(first, (sql) => sql`create table kept as select generate_series(1, 1000) as n`);
    await first.close();
    expect(alive(first.pid)).toBe(false);
    const second = await start();
    expect(await ask(second, (sql) => sql`select count(*)::int as n from kept`)).toEqual([{ n: 1000 }]);
    expect((await readdir(directory)).filter((name) => name.startsWith('initdb-'))).toEqual([]);
  });

  test('gives a safe server: flushed, checksummed, UTF8, on 127.0.0.1 only, by password only', async () => {
    const server = await start();
    expect(await setting(server, 'fsync')).toBe('on');
    expect(await setting(server, 'full_page_writes')).toBe('on');
    expect(await setting(server, 'data_checksums')).toBe('on');
    expect(await setting(server, 'server_encoding')).toBe('UTF8');
    expect(await setting(server, 'listen_addresses')).toBe('127.0.0.1');
    expect(await setting(server, 'unix_socket_directories')).toBe('');
    const stranger = { ...server, url: server.url.replace(/:[^:@]*@/, ':wrong@') };
    await expect(ask(stranger, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test('sorts and folds letters by PostgreSQL’s own rules, not the system’s', async () => {
    const server = await start();
    const rows = await ask(server, (sql) => sql`select upper('straße é') as up, 'a' < 'B' as folded`);
    expect(rows).toEqual([{ up: 'STRASSE É'.replace('SS', 'ß'), folded: false }]);
  });

  test('holds the pid of the server itself, which is no member of our process group', async () => {
    const server = await start();
    expect((await readFile(join(directory, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]).toBe(
      String(server.pid),
    );
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(server.pid)], { encoding: 'utf8' }).trim();
    expect(group).toBe(String(server.pid));
    if (process.platform === 'linux') {
      expect(await readlink(`/proc/${server.pid}/exe`)).toMatch(/\/postgres$/);
    }
  });

  test('shows the password in no command line and no file but the caller’s', async () => {
    let seen = '';
    let looking = true;
    const look = (async () => {
      while (looking) {
        seen += execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const server = await start();
    await setting(server, 'port');
    looking = false;
    await look;
    // Not toContain: its message would print every process of this machine.
    expect(seen.includes('--pwfile=')).toBe(true); // we did look while initdb ran
    expect(seen.includes(password)).toBe(false);
    expect(seen.includes(encodeURIComponent(password))).toBe(false);
    await server.close();
    expect(() => execFileSync('grep', ['-rlF', password, directory])).toThrow(); // grep found nothing
  });

  test('takes another port when the one asked for is taken, and the same one when it is free', async () => {
    const other = createServer();
    const taken = await new Promise<number>((resolve) =>
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
    );
    const server = await start({ port: taken });
    expect(server.port).not.toBe(taken);
    expect(await setting(server, 'port')).toBe(String(server.port));
    await server.close();
    await new Promise((resolve) => other.close(resolve));
    const again = await start({ port: taken });
    expect(again.port).toBe(taken);
  });

  test('passes settings on and refuses its own', async () => {
    const server = await start({ settings: { work_mem: '7MB' } });
    expect(await setting(server, 'work_mem')).toBe('7MB');
    await server.close();
    await expect(start({ settings: { port: '1' } })).rejects.toThrow('port is set by the launcher');
  });

  test('hands the log out line by line, to the last one', async () => {
    const lines: string[] = [];
    const server = await start({ log: (line) => lines.push(line) });
    await server.close();
    expect(lines.some((line) => line.includes('starting PostgreSQL'))).toBe(true);
    expect(lines.at(-1)).toContain('database system is shut down');
    expect(await readFile(join(directory, 'postgres.log'), 'utf8')).toContain(lines.at(-1));
  });
});

describe('what goes wrong', () => {
  test('a second start on the directory is refused, and the first goes on', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`${directory} is in use by this process (${process.pid})`);
    expect(await setting(first, 'port')).toBe(String(first.port));
  });

  test('a server that ends at its start is reported with its own words, and the directory is free again', async () => {
    const broken = { shared_preload_libraries: 'no_such_library' };
    await expect(start({ settings: broken })).rejects.toThrow(/ended at its start.*\n.*no_such_library/s);
    await start();
  });

  test('another password than the cluster’s is told clearly, and no server is left', async () => {
    const first = await start();
    await first.close();
    await expect(start({ password: 'other' })).rejects.toThrow('made with another password');
    await start();
  });

  test.each(['', 'two\nlines'])('no password is %j', async (wrong) => {
    await expect(start({ password: wrong })).rejects.toThrow(RangeError);
  });

  test('files in the cluster’s place that are no cluster are refused and kept', async () => {
    const precious = join(directory, 'cluster', 'precious');
    await mkdir(join(directory, 'cluster'), { recursive: true, mode: 0o700 });
    await writeFile(precious, 'x');
    await expect(start()).rejects.toThrow('is not a PostgreSQL cluster');
    expect(await readFile(precious, 'utf8')).toBe('x');
  });

  test('a cluster of another version is refused by both numbers', async () => {
    await (await start()).close();
    await writeFile(join(directory, 'cluster', 'PG_VERSION'), '12\n');
    await expect(start()).rejects.toThrow(/made by PostgreSQL 12 and this is PostgreSQL \d+/);
  });

  test('an empty directory in the cluster’s place and half-made clusters beside it are no obstacle', async () => {
    await mkdir(join(directory, 'initdb-killed', 'cluster', 'base'), { recursive: true, mode: 0o700 });
    await writeFile(join(directory, 'initdb-killed', 'cluster', 'PG_VERSION'), '18\n');
    await mkdir(join(directory, 'cluster'));
    const server = await start();
    expect(await setting(server, 'port')).toBe(String(server.port));
    expect((await readdir(directory)).filter((name) => name.startsWith('initdb-'))).toEqual([]);
  });
});

describe('the end', () => {
  test('close does not wait for clients, and may be called twice', async () => {
    const server = await start();
    // Asking for the types of arrays, it would throw from nowhere too.
    const sql = postgres(server.url, { max: 2, onnotice: () => {}, fetch_types: false });
    const sleeping = sql`select pg_sleep(3600)`.then(
      () => 'slept',
      (error) => String(error.code),
    );
    // Idle in a transaction; pg, because postgres.js throws from nowhere when its connection goes in one.
    const idle = new pg.Client({ connectionString: server.url });
    const lost = new Promise((resolve) => idle.on('error', resolve));
    await idle.connect();
    await idle.query('begin; create table never (n int)');
    await Promise.all([server.close(), server.close()]);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(alive(server.pid)).toBe(false);
    expect(await sleeping).not.toBe('slept');
    expect(await lost).toBeInstanceOf(Error);
    await sql.end({ timeout: 1 });
    const again = await start();
    expect(await ask(again, (s) => s`select to_regclass('never') as t`)).toEqual([{ t: null }]);
  });

  test('an unexpected one is told, and the next start recovers', async () => {
    const server = await start();
    await ask(server, (sql) => sql`create table kept as select 1 as n`);
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await server.close();
    const again = await start();
    expect(await ask(again, (sql) => sql`select n from kept`)).toEqual([{ n: 1 }]);
  });
});
