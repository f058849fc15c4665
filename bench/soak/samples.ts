import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ground, OBSERVER } from './ground.ts';

/** What all of it holds at a moment. Memory and disk in MB. */
export interface Sample {
  /** Seconds since the soak began. */
  at: number;
  memory: Record<string, number>;
  files: Record<string, number>;
  /** Most that any of the workers has that are struck. */
  struckMemory: number;
  connections: number;
  /** All tables but the one that the operation fills. */
  database: number;
  store: number;
  /** Temporary files, those too that have no name any more. */
  scratch: number;
}

const MB = 2 ** 20;

export async function sample(ground: Ground, begun: number): Promise<Sample> {
  const memory: Sample['memory'] = {};
  const files: Sample['files'] = {};
  let scratch = await sizeOf(ground.folders.scratch);
  for (const [name, { child }] of Object.entries(ground.lasting)) {
    memory[name] = await residentOf(child.pid!);
    files[name] = (await openFiles(child.pid!)).length;
  }
  const struck = ground.struck.members.map(({ child }) => child.pid!);
  for (const pid of [...struck, ground.lasting.worker.child.pid!]) scratch += await namelessOf(pid);
  const [database] = await ground.sql<{ connections: number; bytes: number }[]>`
    select (select count(*)::int from pg_stat_activity
        where backend_type = 'client backend' and application_name <> ${OBSERVER}) as connections,
      (select sum(pg_total_relation_size(oid))::float8 from pg_class
        where relkind in ('r', 'm') and relname <> 'learners') as bytes`;
  return {
    at: (performance.now() - begun) / 1000,
    ...{ memory, files },
    struckMemory: Math.max(0, ...(await Promise.all(struck.map(residentOf)))),
    connections: database!.connections,
    database: database!.bytes / MB,
    store: (await sizeOf(ground.folders.store)) / MB,
    scratch: scratch / MB,
  };
}

/** Samples every so many seconds until told to stop. */
export function sampling(ground: Ground, begun: number, everySeconds: number) {
  const samples: Sample[] = [];
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      samples.push(await sample(ground, begun));
      await sleep(everySeconds * 1000, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop(): Promise<Sample[]> {
      stopping.abort();
      await running;
      return samples;
    },
  };
}

/** Resident memory; 0 of a process that is gone. */
async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

async function openFiles(pid: number): Promise<string[]> {
  return await readdir(`/proc/${pid}/fd`).catch(() => []);
}

/** Bytes of temporary files that were removed and are still open. */
async function namelessOf(pid: number): Promise<number> {
  let bytes = 0;
  for (const file of await openFiles(pid)) {
    const path = `/proc/${pid}/fd/${file}`;
    const name = await readlink(path).catch(() => '');
    if (name.endsWith(' (deleted)'))
      bytes += await stat(path).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}

/** Bytes of the files in a folder and all that are in it; what goes meanwhile is not counted. */
export async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory()
      ? await sizeOf(path)
      : await stat(path).then(
          ({ size }) => size,
          () => 0,
        );
  }
  return bytes;
}
