import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../src/cli/sample/random.ts';
import { SheafError } from '../src/client/sheaf-error.ts';
import { compile } from '../test/support/compiled.ts';
import { calm, clearAway } from './soak/aftermath.ts';
import { faultsOfFile } from './soak/faults-of-file.ts';
import { type Ground, openGround } from './soak/ground.ts';
import { LIVES } from './soak/lives.ts';
import { mishaps } from './soak/mishaps.ts';
import { PatientClient } from './soak/patient-client.ts';
import { report, type Soaked } from './soak/report.ts';
import { sampling } from './soak/samples.ts';

/**
 * Files of all kinds go through an API and three workers for a long time, while workers are killed and frozen, the queue
 * is emptied and connections are cut. Every record is checked, and whether memory, connections and disk stay flat.
 * Prints what it found and writes it to `bench/soak/last-run.md`. Linux only.
 *
 *   SOAK_MINUTES=30 [TEST_SEED=1] [TEST_REDIS_URL=redis://127.0.0.1:6379] node --import tsx bench/soak.ts
 */

const MINUTES = Number(process.env.SOAK_MINUTES ?? 30);
const SEED = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
const REDIS = process.env.TEST_REDIS_URL || undefined;
/** So many files are under way at once. */
const CLIENTS = 5;
const SAMPLE_SECONDS = 5;
const MOST_LOGGED = 2000;
const BETWEEN_MISHAPS = [4, 14] as const;
const REPORT = new URL('soak/last-run.md', import.meta.url).pathname;

const directory = await mkdtemp(join(tmpdir(), 'sheaf-soak-'));
process.stderr.write(`seed ${SEED}, ${MINUTES} minutes, queue on ${REDIS ? 'Redis' : 'PostgreSQL'}\n`);
await compile();
const ground = await openGround(directory, REDIS);
let good = false;
try {
  const found = await report(await Promise.race([soak(ground), endOfOne(ground)]));
  process.stdout.write(found.text);
  await writeFile(REPORT, found.text);
  good = found.good;
} catch (error) {
  // Clients and mishaps go on until the end of this process: what they meet meanwhile must not keep it from closing.
  process.on('unhandledRejection', () => undefined);
  process.stderr.write(
    `the soak was broken off: ${error instanceof Error ? error.message : String(error)}\n`,
  );
} finally {
  await ground.close();
  await rm(directory, { recursive: true, force: true });
}
process.exit(good ? 0 : 1);

async function soak(ground: Ground): Promise<Soaked> {
  const begun = performance.now();
  const client = new PatientClient(ground);
  const notes = { lives: new Map<string, number>(), records: 0, faults: [] as string[] };
  const before = await calm(ground, begun);
  const samples = sampling(ground, performance.now(), SAMPLE_SECONDS);
  const trouble = mishaps(ground, new SeededRandom(SEED), BETWEEN_MISHAPS);
  const until = performance.now() + MINUTES * 60_000;
  const clients = Array.from({ length: CLIENTS }, (_, index) => liveOn(index, client, until, notes));
  await Promise.all(clients);
  const came = await trouble.stop();
  const taken = await samples.stop();
  process.stderr.write('clearing away\n');
  const left = await clearAway(ground, client);
  return {
    ...{ minutes: MINUTES, seed: SEED, queue: REDIS ? 'Redis' : 'PostgreSQL', ...notes },
    ...{ mishaps: came, refusals: client.refusals, resumed: client.resumed, samples: taken, before, left },
    after: await calm(ground, begun),
    notStarted: ground.struck.notStarted.length,
    fallen: ground.struck.fallen,
  };
}

/** One file after the other until the time is over. */
async function liveOn(
  index: number,
  client: PatientClient,
  until: number,
  notes: { lives: Map<string, number>; records: number; faults: string[] },
): Promise<void> {
  const random = new SeededRandom(SEED + index + 1);
  const names = Object.keys(LIVES) as [string, ...string[]];
  const own = join(directory, `client-${index}`);
  for (let nth = 1; performance.now() < until; nth += 1) {
    await mkdir(own, { recursive: true });
    const prefix = `s${index}n${nth}`;
    const name = random.pick(names);
    try {
      const lineage = await LIVES[name]!({ client, random, directory: own, prefix });
      notes.lives.set(name, (notes.lives.get(name) ?? 0) + 1);
      if (lineage !== null) {
        const faults = await faultsOfFile(ground, client, own, lineage);
        notes.faults.push(...faults.map((fault) => `${name}, ${prefix}: ${fault}`));
        notes.records += lineage.file.records;
      }
    } catch (error) {
      notes.faults.push(`${name}, ${prefix}: ${toldOf(ground, error)}`);
    }
    await rm(own, { recursive: true, force: true });
  }
}

/** Of an answer 500 also what the API has logged of it: the answer does not tell. */
function toldOf({ lasting }: Ground, error: unknown): string {
  if (!(error instanceof SheafError) || error.status !== 500) return String(error);
  const id = /[0-9a-f-]{36}/.exec(error.detail)?.[0] ?? error.detail;
  const logged = lasting.API.log()
    .split('\n')
    .filter((line) => line.includes(id));
  return `${error}; the API has logged: ${logged.join(' ').slice(0, MOST_LOGGED)}`;
}

/** Rejects when one of those ends that nobody strikes: then there is nothing to follow any more. */
async function endOfOne({ lasting }: Ground): Promise<never> {
  const ends = Object.entries(lasting).map(async ([name, { child, log }]) => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    throw new Error(`the ${name} ended with ${child.exitCode ?? child.signalCode}: ${log().slice(-4000)}`);
  });
  return await Promise.race(ends);
}
