import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataDirectory } from '../../src/embedded/data-directory.ts';
import { takeNumber } from '../../src/embedded/directory-lock.ts';
import { inspectProcess } from '../../src/embedded/process-identity.ts';

const opener = new URL('../../src/embedded/data-directory.ts', import.meta.url).href;
const tsx = import.meta.resolve('tsx');
const isRoot = process.getuid?.() === 0;

let root: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sheaf-data-'));
  path = join(root, 'deep', 'data');
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

/** A program of its own that waits for a moment, opens the directory, says how that went, and holds it. */
function otherOpener(at = 0): { child: ChildProcess; said: Promise<string> } {
  const source = `
    import { openDataDirectory } from ${JSON.stringify(opener)};
    await new Promise((resolve) => setTimeout(resolve, ${at} - Date.now()));
    try {
      await openDataDirectory(${JSON.stringify(path)});
      console.log('open');
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(error.message);
    }`;
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout! });
  return { child, said: once(lines, 'line').then(([line]) => line as string) };
}

async function kill9(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function locks(): Promise<string[]> {
  return (await readdir(path)).filter((name) => name.startsWith('lock'));
}

/** A lock as an owner leaves it who was killed. */
async function staleLock(owner: unknown, number = 7): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await writeFile(join(path, `lock.${number}`), typeof owner === 'string' ? owner : JSON.stringify(owner));
}

describe('opening', () => {
  test('makes the directory for its owner alone, and closes one that stood open', async () => {
    await (await openDataDirectory(path)).close();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await chmod(path, 0o755);
    await (await openDataDirectory(path)).close();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  test('a directory that is open to others and holds other things keeps its mode, and is refused', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'somebody-elses'), '');
    await chmod(path, 0o1777);
    await expect(openDataDirectory(path)).rejects.toThrow(
      'holds other things and is open to other users (mode 1777)',
    );
    expect((await stat(path)).mode & 0o7777).toBe(0o1777);
    expect(await readdir(path)).toEqual(['somebody-elses']);
  });

  test('a file in its place is told clearly', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(openDataDirectory(join(root, 'file'))).rejects.toThrow('is a file');
    await expect(openDataDirectory(join(root, 'file', 'below'))).rejects.toThrow('is a file');
  });

  test('removes what a kill has left half written', async () => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(join(path, '.draft-x'), 'half a sec');
    const data = await openDataDirectory(path);
    expect(await readdir(path)).toEqual([expect.stringMatching(/^lock\.\d+$/)]);
    await data.close();
  });
});

describe('the lock', () => {
  test('keeps a second opener in this process out, until it is closed', async () => {
    const data = await openDataDirectory(path);
    await expect(openDataDirectory(path)).rejects.toThrow(
      `${path} is in use by this process (${process.pid})`,
    );
    await data.close();
    await data.close();
    await (await openDataDirectory(path)).close();
  });

  test('closing twice does not take it from the next owner', async () => {
    const first = await openDataDirectory(path);
    await first.close();
    const second = await openDataDirectory(path);
    await first.close();
    await expect(openDataDirectory(path)).rejects.toThrow('in use');
    await second.close();
  });

  test('keeps another process out by pid and directory, and is free at once when that one is killed', async () => {
    const { child, said } = otherOpener();
    expect(await said).toBe('open');
    await expect(openDataDirectory(path)).rejects.toThrow(`${path} is in use by process ${child.pid}`);
    await kill9(child);
    const data = await openDataDirectory(path);
    expect(await otherOpener().said).toContain(`in use by process ${process.pid}`);
    await data.close();
    expect(await locks()).toHaveLength(1);
  });

  test('is taken over when its pid belongs to another program now, or to this one after a restart', async () => {
    const stranger = spawn('sleep', ['3600'], { stdio: 'ignore' });
    children.push(stranger);
    await once(stranger, 'spawn');
    const { start } = await inspectProcess(stranger.pid!);
    await staleLock({ pid: stranger.pid, start });
    await expect(openDataDirectory(path)).rejects.toThrow(`process ${stranger.pid}`);
    await staleLock({ pid: stranger.pid, start: `${start}0` });
    await (await openDataDirectory(path)).close();
    await staleLock({ pid: process.pid, start: 'another boot:1' }, 50);
    await (await openDataDirectory(path)).close();
  });

  test.each(['', 'garbage', '{}', '[]', 'null', '{"pid":"7"}', '{"pid":0}', '{"pid":-1}', '{"pid":1e99}'])(
    'is taken over when it reads %j, which no living owner writes',
    async (text) => {
      await staleLock(text);
      await (await openDataDirectory(path)).close();
    },
  );

  test.skipIf(process.platform !== 'linux')(
    'of a dead process that nobody has reaped is taken over',
    async () => {
      // The shell starts a program, then becomes one that never waits for its children.
      const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 3600'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(parent);
      const [line] = (await once(createInterface({ input: parent.stdout! }), 'line')) as [string];
      const state = async () => (await readFile(`/proc/${line}/stat`, 'utf8')).split(') ')[1]?.[0];
      while ((await state()) !== 'Z') await delay(10);
      process.kill(Number(line), 0); // it does exist
      await staleLock({ pid: Number(line) });
      await (await openDataDirectory(path)).close();
    },
  );

  test('goes to exactly one of many that try at once on a stale one, in this process', async () => {
    for (let round = 0; round < 10; round++) {
      await rm(path, { recursive: true, force: true });
      await staleLock({ pid: 2 ** 31 - 1 });
      const tries = await Promise.allSettled(Array.from({ length: 30 }, () => openDataDirectory(path)));
      const opened = tries.filter((one) => one.status === 'fulfilled');
      expect(opened).toHaveLength(1);
      for (const { reason } of tries.filter((one) => one.status === 'rejected')) {
        expect(reason.message).toContain('in use by this process');
      }
      await opened[0]?.value.close();
    }
  });

  test('goes to exactly one of several processes', async () => {
    for (let round = 0; round < 3; round++) {
      const at = Date.now() + 1500; // so that they are all up; if not, the test only proves less
      const said = await Promise.all(Array.from({ length: 6 }, () => otherOpener(at).said));
      expect(said.filter((line) => line === 'open')).toHaveLength(1);
      expect(said.filter((line) => line.includes('is in use by process'))).toHaveLength(5);
      await Promise.all(children.splice(0).map((child) => child.exitCode === null && kill9(child)));
    }
  });

  test('is not lost to a starter that looked long ago, and makes a number that has been cleared away', async () => {
    await staleLock({ pid: 2 ** 31 - 1 }, 7);
    const data = await openDataDirectory(path);
    expect(await locks()).toEqual(['lock.8']);
    expect(await takeNumber(path, 7, { pid: process.pid })).toBe(false);
    expect(await takeNumber(path, 8, { pid: process.pid })).toBe(false);
    expect(await locks()).toEqual(['lock.8']);
    await data.close();
  });

  test('changes hands without ever having two owners', async () => {
    let owners = 0;
    let turns = 0;
    const takeTurns = async () => {
      while (turns < 60) {
        const data = await openDataDirectory(path).catch((error) => {
          expect(error.message).toContain('in use');
        });
        if (!data) continue;
        turns++;
        expect(++owners).toBe(1);
        await delay(1);
        owners--;
        await data.close();
      }
    };
    await Promise.all(Array.from({ length: 5 }, takeTurns));
  });
});

describe('a secret', () => {
  test('is made once, for its owner alone, and stays over openings', async () => {
    const data = await openDataDirectory(path);
    expect(await data.secret('key', () => 'one')).toEqual({ value: 'one', created: true });
    expect(await data.secret('key', () => 'two')).toEqual({ value: 'one', created: false });
    expect((await stat(data.file('key'))).mode & 0o777).toBe(0o600);
    await data.close();
    const again = await openDataDirectory(path);
    expect(await again.secret('key', () => 'three')).toEqual({ value: 'one', created: false });
    await again.close();
  });

  test('is the same for all who ask at once', async () => {
    const data = await openDataDirectory(path);
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, number) => data.secret('key', () => `value-${number}`)),
    );
    expect(new Set(all.map(({ value }) => value)).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect((await readdir(path)).sort()).toEqual(['key', expect.stringMatching(/^lock/)]);
    await data.close();
  });

  test('that has become empty is not made anew behind its owner’s back', async () => {
    const data = await openDataDirectory(path);
    await writeFile(data.file('key'), '');
    await expect(data.secret('key', () => 'new')).rejects.toThrow('key is empty');
    await expect(data.secret('other', () => '')).rejects.toThrow(RangeError);
    await data.close();
  });

  test('that others could read is closed to them', async () => {
    const data = await openDataDirectory(path);
    await writeFile(data.file('key'), 'by hand\n', { mode: 0o644 });
    expect(await data.secret('key', () => 'new')).toEqual({ value: 'by hand', created: false });
    expect((await stat(data.file('key'))).mode & 0o777).toBe(0o600);
    await data.close();
  });

  test.skipIf(!isRoot)('made by root in a user’s directory is the user’s (skipped unless root)', async () => {
    await mkdir(path, { recursive: true });
    await chown(path, 65534, 65534);
    const data = await openDataDirectory(path);
    await data.secret('key', () => 'value');
    expect(await stat(data.file('key'))).toMatchObject({ uid: 65534, gid: 65534 });
    await data.close();
  });
});

test.each(['', '.', '..', '../x', 'a/../../x', '/etc/passwd', 'a\0b'])(
  '%j is no file in it',
  async (name) => {
    const data = await openDataDirectory(path);
    expect(() => data.file(name)).toThrow(RangeError);
    await expect(data.secret(name, () => 'x')).rejects.toThrow(RangeError);
    expect(data.file('s3/objects')).toBe(join(path, 's3', 'objects'));
    await data.close();
  },
);
