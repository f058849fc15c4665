import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { databaseUrl } from '../../src/embedded/postgres/database.ts';
import { markStale, readPostmasterFile } from '../../src/embedded/postgres/postmaster-file.ts';
import { openServerLog } from '../../src/embedded/postgres/server-log.ts';
import { serverArguments } from '../../src/embedded/postgres/settings.ts';
import { stopServer } from '../../src/embedded/postgres/stop.ts';
import { commandLine, inspectProcess } from '../../src/embedded/process-identity.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-pg-unit-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('the URL carries any password', () => {
  const url = new URL(databaseUrl(5001, 'a/b:c@d e%?#'));
  expect(decodeURIComponent(url.password)).toBe('a/b:c@d e%?#');
  expect([url.username, url.hostname, url.port, url.pathname]).toEqual([
    'sheaf',
    '127.0.0.1',
    '5001',
    '/sheaf',
  ]);
});

describe('settings', () => {
  const pairs = (args: string[]) => args.filter((_, index) => index > 1 && index % 2 === 1);

  test('are ours, then the caller’s, then those that are fixed', () => {
    const args = serverArguments('/c', 5001, { fsync: 'off', work_mem: '7MB' });
    expect(args.slice(0, 3)).toEqual(['-D', '/c', '-c']);
    expect(pairs(args)).toEqual(
      expect.arrayContaining(['fsync=off', 'work_mem=7MB', 'listen_addresses=127.0.0.1', 'port=5001']),
    );
    expect(pairs(serverArguments('/c', 5001))).toContain('fsync=on');
  });

  test.each(['port', 'listen_addresses', 'unix_socket_directories', 'logging_collector'])(
    '%s is not the caller’s',
    (name) => {
      expect(() => serverArguments('/c', 1, { [name]: 'x' })).toThrow('set by the launcher');
    },
  );

  test.each(['', 'a=b', '-D', 'Port', 'a b'])('%j is no setting', (name) => {
    expect(() => serverArguments('/c', 1, { [name]: 'x' })).toThrow(RangeError);
  });
});

describe('stopping', () => {
  /** A server that ends at one of the signals only. */
  function server(endsAt: string) {
    const signals: string[] = [];
    return {
      signals,
      signal: (name: string) => void signals.push(name),
      endsWithin: async () => signals.includes(endsAt),
    };
  }

  test.each([
    ['SIGINT', ['SIGINT']],
    ['SIGQUIT', ['SIGINT', 'SIGQUIT']],
    ['SIGKILL', ['SIGINT', 'SIGQUIT', 'SIGKILL']],
  ])('goes as far as %s and no further', async (endsAt, expected) => {
    const stubborn = server(endsAt);
    expect(await stopServer(stubborn)).toBe(endsAt);
    expect(stubborn.signals).toEqual(expected);
  });

  test('sends nothing to a server that has ended, and tells of one that never does', async () => {
    const ended = { ...server(''), endsWithin: async () => true };
    expect(await stopServer(ended)).toBe('ended before');
    expect(ended.signals).toEqual([]);
    await expect(stopServer(server('never'))).rejects.toThrow('did not end');
  });
});

describe('postmaster.pid', () => {
  const text = '4484\n/data\n1795298520\n54999\n\n127.0.0.1\n  2147434         4\nready   \n';

  test.each([
    [text, { pid: 4484, ready: true }],
    [text.replace('ready   ', 'starting'), { pid: 4484, ready: false }],
    ['4484\n/data\n', { pid: 4484, ready: false }],
    ['-4484\n', { pid: 4484, ready: false }],
    ['', { pid: Number.NaN, ready: false }],
  ])('%j is read', async (content, expected) => {
    await writeFile(join(directory, 'postmaster.pid'), content);
    expect(await readPostmasterFile(directory)).toEqual(expected);
  });

  test('that is not there is undefined', async () => {
    expect(await readPostmasterFile(directory)).toBeUndefined();
    expect(await readPostmasterFile(join(directory, 'none'))).toBeUndefined();
  });

  test.each([text, text.replace('/data', '/dätä'), '4484\n/data\n', ''])(
    '%j of a dead server is ready no more, and is otherwise as before',
    async (content) => {
      const path = join(directory, 'postmaster.pid');
      await writeFile(path, content);
      await markStale(directory);
      expect((await readPostmasterFile(directory))?.ready).toBe(false);
      expect(await readFile(path, 'utf8')).toBe(content.replace('ready   ', 'stale   '));
    },
  );
});

describe('the log', () => {
  test('hands out whole lines, characters cut by reads included, from its opening to its closing', async () => {
    const path = join(directory, 'log');
    await writeFile(path, 'before\n');
    const log = await openServerLog(path);
    const lines: string[] = [];
    await log.note('first');
    log.follow((line) => lines.push(line));
    const euro = Buffer.from('€');
    await appendFile(path, euro.subarray(0, 1));
    await new Promise((resolve) => setTimeout(resolve, 300)); // gives it the chance to read half a character
    await appendFile(path, euro.subarray(1));
    await appendFile(path, '\nunfinished');
    await log.close();
    expect(lines).toEqual(['sheaf: first', '€', 'unfinished']);
  });

  test('gives the last lines after a position', async () => {
    const log = await openServerLog(join(directory, 'log'));
    await log.note('old');
    const from = await log.position();
    for (const line of ['a', 'b', 'c']) await log.note(line);
    expect(await log.since(from)).toBe('sheaf: a\nsheaf: b\nsheaf: c');
    expect(await log.since(from, 2)).toBe('sheaf: b\nsheaf: c');
    await log.close();
  });

  test('is put aside when it is large', async () => {
    const path = join(directory, 'log');
    await writeFile(path, 'old\n');
    await truncate(path, 20 * 1024 * 1024);
    const log = await openServerLog(path);
    expect(await log.position()).toBe(0);
    await log.close();
    expect((await readFile(`${path}.1`)).subarray(0, 3).toString()).toBe('old');
  });

  test('tells at the end that the receiver of its lines has failed, and is closed all the same', async () => {
    await mkdir(join(directory, 'd'));
    const log = await openServerLog(join(directory, 'd', 'log'));
    log.follow(() => {
      throw new Error('no more lines');
    });
    await log.note('x');
    await expect(log.close()).rejects.toThrow('no more lines');
    await expect(log.position()).rejects.toThrow();
  });
});

describe('a process', () => {
  test('is known by pid and start: the same one looks the same, another one does not', async () => {
    const first = await inspectProcess(process.pid);
    expect(first).toEqual({ alive: true, start: expect.any(String) });
    expect(await inspectProcess(process.pid)).toEqual(first);
    const child = spawn('sleep', ['3600'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const second = await inspectProcess(child.pid!);
    expect(second.alive).toBe(true);
    expect(await commandLine(child.pid!)).toContain('sleep 3600');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await inspectProcess(child.pid!)).toEqual({ alive: false });
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 31 - 1])('%d is none', async (pid) => {
    expect(await inspectProcess(pid)).toEqual({ alive: false });
  });
});
