import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { s3ObjectStore } from '../../src/adapters/s3/object-store.ts';
import type { Finding } from '../../src/core/findings.ts';
import { checkObjects } from '../../src/engine/check/check-objects.ts';
import { batchPrefix, uploadKey } from '../../src/engine/keys.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { tidyBatches } from '../../src/engine/tidy-batches.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { leaveBehind, unfinishedUploads } from '../support/left-behind.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { sheafCommand } from '../support/sheaf-command.ts';
import { settingsOf } from '../support/worker-process.ts';

/** PostgreSQL and the object store are compared both ways; with pages of five keys, so that every batch is on several. */

const held = heldOperation();
let sheaf: TestSheaf;
let objects: ReturnType<typeof s3ObjectStore>;

beforeAll(async () => {
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '2', SHEAF_MAX_ATTEMPTS: '1', SHEAF_SWEEP_SECONDS: '1' },
    { operations: [held.operation] },
  );
  objects = s3ObjectStore({ ...sheaf.locations.s3, presignSeconds: 60, pageKeys: 5 });
  await sheaf.startWorkers();
});
afterAll(async () => {
  objects.close();
  await sheaf.close();
});
beforeEach(() => held.reset());

async function check({ fix = false, marginSeconds = 0 } = {}) {
  const findings: Finding[] = [];
  const engine = { objects, keeping: sheaf.services.keeping };
  const summary = await checkObjects(engine, { fix, marginSeconds }, (finding) => findings.push(finding));
  return { findings, summary };
}
/** What is found, in short; those that tests before this one have left strange are left out. */
const told = async (options = {}) =>
  (await check(options)).findings.map((finding) => [
    finding.kind,
    'key' in finding ? finding.key : '',
    finding.remedy,
  ]);
const run = (prefix: string, options = {}) =>
  sheaf.run(heldCsv([...heldIds(prefix, 4), 'bad']), { operation: 'hold', on_invalid: 'skip', ...options });
const resultsOf = (id: string) => sheaf.keys(`${batchPrefix(id)}results/`);
async function* nothing() {}
const audited = async (target: string) =>
  (
    await sheaf.sql<{ action: string }[]>`
      select action from audit_log where target_id = ${target} and actor_kind = 'system'`
  ).map(({ action }) => action);
const put = (key: string) => objects.put(key, Buffer.from('x'));
const expired = async (id: string) => {
  while (!(await sheaf.batch(id)).expired) await new Promise((resolve) => setTimeout(resolve, 50));
};

describe('where everything goes together', () => {
  it('nothing is found, whatever batches and uploads there are', async () => {
    await sheaf.upload('id\nnever\n');
    const batch = await run('whole');
    await run('dry', { dry_run: true });
    await sheaf.run(gzipSync(heldCsv(['gzipped'])), { operation: 'hold', results_format: ['xlsx', 'csv'] });
    await sheaf.ended((await retryBatch(sheaf.engine, sheaf.caller, batch.id, {})).id);
    await sheaf.run('', { operation: 'hold' });
    const { findings, summary } = await check();
    expect(findings).toEqual([]);
    // The raw copy of what was converted, until the sweep tidies up.
    expect(summary).toMatchObject({ batches: 5, found: 0, young: 0, left_to_sweep: 1 });
    expect(summary.objects).toBe(summary.kept + 1);
  });

  it('nothing is removed while workers work', async () => {
    const files = ['one', 'two', 'six'];
    const handlers = await Promise.all(files.map((name) => sheaf.upload(heldCsv(heldIds(name, 10)))));
    const ids = await Promise.all(handlers.map((handler) => sheaf.submit(handler, { operation: 'hold' })));
    let ended = false;
    const batches = Promise.all(ids.map((id) => sheaf.ended(id))).finally(() => {
      ended = true;
    });
    do expect(await told({ fix: true })).toEqual([]);
    while (!ended);
    for (const batch of await batches) {
      expect(batch).toMatchObject({ status: 'completed', counts: { total: 10, succeeded: 10 } });
      expect(await sheaf.lines(batch)).toHaveLength(10);
    }
  });
});

describe('what has no owner', () => {
  it('is found and removed, but for what is young, held, or of no form of ours', async () => {
    const { services, caller } = sheaf;
    const batch = await run('owner');
    await sheaf.sql`update batches set results_at = results_at - interval '2 hours' where id = ${batch.id}`;
    await tidyBatches(services);
    const named = await sheaf.keys(batchPrefix(batch.id));
    const left = await leaveBehind(sheaf, batch.id);
    const unknown = uuidv7();
    const others = await leaveBehind(sheaf, unknown);
    const upload = uploadKey(caller.accountId, uuidv7());
    const strange = [`${batchPrefix(batch.id)}notes.txt`, 'uploads/notes.txt'];
    for (const key of [upload, ...strange]) await put(key);
    await objects.createMultipart(upload);
    // Of a chunk that is being processed: its part is there, and no row names it yet.
    const processing = gate();
    held.before = () => processing.wait();
    const id = await sheaf.submit(await sheaf.upload(heldCsv(['a'])), { operation: 'hold' });
    await processing.arrived;
    const [chunk] = await sheaf.sql<{ lease: string }[]>`select lease from chunks where batch_id = ${id}`;
    const part = `${batchPrefix(id)}parts/process/1/${chunk!.lease}/${'0'.repeat(64)}`;
    await put(part);
    const lost = [...left, ...others, upload].sort();

    const young = await check({ fix: true, marginSeconds: 3600 });
    expect(young.findings).toEqual([]);
    expect(young.summary.young).toBe(lost.length + 3 + strange.length);

    const expected = (remedy: string | null) =>
      [
        ...lost.map((key) => ['object_without_owner', key, remedy]),
        ...['owner', unknown].map((_, at) => {
          const of = at === 0 ? batch.id : unknown;
          const key = `${batchPrefix(of)}results/`;
          return ['unfinished_upload_without_owner', expect.stringContaining(key), remedy];
        }),
        ['unfinished_upload_without_owner', upload, remedy],
        ...strange.map((key) => ['strange_object', key, null]),
      ].sort();
    const found = await told();
    expect(found).toHaveLength(expected(null).length);
    expect(found).toEqual(expect.arrayContaining(expected(null)));
    expect(await sheaf.keys('uploads/')).toContain(upload);
    expect(await told({ fix: true })).toEqual(expect.arrayContaining(expected('removed')));
    expect(await sheaf.keys(batchPrefix(batch.id))).toEqual([...named, strange[0]].sort());
    expect(await sheaf.keys(batchPrefix(unknown))).toEqual([]);
    expect(await unfinishedUploads(sheaf, batchPrefix(unknown))).toEqual([]);
    expect(await sheaf.keys(part)).toEqual([part]);
    expect((await told()).map(([kind]) => kind)).toEqual(['strange_object', 'strange_object']);

    processing.open();
    expect(await sheaf.ended(id)).toMatchObject({ status: 'completed' });
    for (const key of strange) await objects.remove(key);
  });

  it('is not removed where the database knows nothing of what is there', async () => {
    const { keeping } = sheaf.services;
    const nobody = { known: false, named: false, held: false, swept: false };
    const other = {
      ...keeping,
      owners: async (places: readonly unknown[]) => places.map(() => nobody),
      naming: async () => [],
      unusedUploads: async () => [],
    };
    const before = await sheaf.keys('');
    const wrong = checkObjects({ objects, keeping: other }, { fix: true, marginSeconds: 0 }, () => {});
    await expect(wrong).rejects.toThrow(`knows none of the ${before.length} objects`);
    expect(await sheaf.keys('')).toEqual(before);
  });
});

it('tells of all that it has done when it is broken off', async () => {
  const unknown = uuidv7();
  const keys = Array.from({ length: 12 }, () => `${batchPrefix(unknown)}input/${randomUUID()}`);
  for (const key of keys) await put(key);
  const found: string[] = [];
  const breakOff = new AbortController();
  const options = { fix: true, marginSeconds: 0, signal: breakOff.signal };
  const { keeping } = sheaf.services;
  const broken = checkObjects({ objects, keeping }, options, (finding) => {
    if ('key' in finding) found.push(finding.key);
    breakOff.abort(new Error('enough'));
  });
  await expect(broken).rejects.toThrow('enough');
  expect(found).not.toEqual([]);
  expect([...found, ...(await sheaf.keys(batchPrefix(unknown)))].sort()).toEqual([...keys].sort());
  await check({ fix: true });
});

describe('what is gone', () => {
  it('with everything else is not mended: it is another store, most likely', async () => {
    const batch = await run('elsewhere');
    const elsewhere = { ...objects, head: async () => null, list: nothing, unfinished: nothing };
    const { keeping } = sheaf.services;
    const wrong = checkObjects({ objects: elsewhere, keeping }, { fix: true, marginSeconds: 0 }, () => {});
    await expect(wrong).rejects.toThrow(/^the object store has nothing of the \d+ batches and uploads/);
    expect(await sheaf.batch(batch.id)).toMatchObject({ resultsReady: true, expired: false });
    expect(await told({ fix: true })).toEqual([]);
  });

  it('of results is written once more, from the parts', async () => {
    const batch = await run('rewrite');
    const before = await sheaf.lines(batch);
    const [gone] = await resultsOf(batch.id);
    await objects.remove(gone!);
    expect(await told()).toEqual([['batch_objects_gone', gone, null]]);
    expect(await told({ fix: true })).toEqual([['batch_objects_gone', gone, 'written_again']]);
    expect(await audited(batch.id)).toEqual(['results_written_again']);
    const again = await sheaf.ended(batch.id);
    expect(await sheaf.lines(again)).toEqual(before);
    expect([again.status, again.counts, again.statuses]).toEqual([
      batch.status,
      batch.counts,
      batch.statuses,
    ]);
    expect(await told()).toEqual([]);
  });

  it.each([
    ['of a dry run', { dry_run: true }, false],
    ['whose parts are gone too', {}, true],
  ])('of results %s: the batch has expired', async (_, options, withParts) => {
    const batch = await run(withParts ? 'gone' : 'trial', options);
    const parts = await sheaf.keys(`${batchPrefix(batch.id)}parts/`);
    await objects.removeListed([...(await resultsOf(batch.id)), ...(withParts ? parts : [])]);
    const { findings } = await check({ fix: true });
    expect(findings).toMatchObject([
      {
        batch: batch.id,
        inputs: 0,
        parts: withParts ? parts.length : 0,
        results: batch.results!.length,
        remedy: 'expired',
      },
    ]);
    expect(await audited(batch.id)).toEqual(['batch_expired']);
    await expired(batch.id);
    const now = await sheaf.batch(batch.id);
    expect([now.status, now.counts, now.resultsReady]).toEqual([batch.status, batch.counts, false]);
    expect(await told()).toEqual([]);
  });

  it('of the input of a batch that has ended is only told: its results are whole', async () => {
    const batch = await run('input');
    await objects.removeAll(`${batchPrefix(batch.id)}input/`);
    const { findings, summary } = await check({ fix: true });
    expect(findings).toMatchObject([{ batch: batch.id, inputs: 1, parts: 0, results: 0, remedy: null }]);
    expect(summary).toMatchObject({ found: 1, mended: 0 });
    expect(await sheaf.lines(await sheaf.batch(batch.id))).toHaveLength(5);
    await sheaf.sql`update batches set expires_at = now() where id = ${batch.id}`;
    await expired(batch.id);
  });

  it('of parts whose results are still to be written lets the batch expire', async () => {
    const batch = await run('unwritten');
    await sheaf.sql`
      update batches set stage = 'write_results', results = null, results_at = null, tidied_at = null,
        available_at = now() + interval '1 hour' where id = ${batch.id}`;
    await objects.removeAll(batchPrefix(batch.id));
    expect((await check({ fix: true })).findings).toMatchObject([{ batch: batch.id, remedy: 'expired' }]);
    await expired(batch.id);
    const { counts, status } = await sheaf.batch(batch.id);
    expect([status, counts]).toEqual([batch.status, batch.counts]);
    expect(await told()).toEqual([]);
  });

  it('of a batch under way makes it fail when it is met; without its parts it expires then', async () => {
    const running = gate();
    held.before = ({ records }) => (records[0] === 3 ? running.wait() : Promise.resolve());
    const file = await sheaf.upload(heldCsv(heldIds('way', 6)));
    const id = await sheaf.submit(file, { operation: 'hold', execution: 'serial' });
    await running.arrived;
    await objects.removeAll(batchPrefix(id));
    const { findings } = await check({ fix: true });
    expect(findings).toMatchObject([
      { batch: id, status: 'processing', inputs: 1, parts: 1, remedy: 'left_to_workers' },
    ]);
    running.open();
    await expired(id);
    const { counts, status, statusReason } = await sheaf.batch(id);
    expect([status, statusReason?.code]).toEqual(['failed', 'input_gone']);
    // The second chunk had its range read already.
    expect(counts).toEqual({ total: 6, succeeded: 4, failed: 0, skipped: 0, unprocessed: 2 });
    expect(await told()).toEqual([]);
  });

  it('of an upload is noted, once its bytes were seen', async () => {
    const handler = await sheaf.upload(heldCsv(['seen']));
    const key = uploadKey(sheaf.caller.accountId, handler);
    await sheaf.services.uploads.measured(handler, 8);
    expect(await told()).toEqual([]);
    await objects.remove(key);
    expect(await told({ fix: true })).toEqual([['upload_gone', key, 'emptied']]);
    expect(await audited(handler)).toEqual(['upload_emptied']);
    expect(await told()).toEqual([]);
    await expect(sheaf.submit(handler, { operation: 'hold' })).rejects.toMatchObject({
      code: 'upload_missing',
    });
  });
});

describe('more than stays', () => {
  let other: TestSheaf;
  /** Of all batches and uploads of another database. */
  const BEFORE = 30;

  beforeAll(async () => {
    other = await openTestSheaf({ SHEAF_SWEEP_SECONDS: '1' }, { operations: [held.operation] });
    await other.startWorkers();
  });
  afterAll(() => other.close());

  const fix = async (options = {}) => {
    const { objects, keeping } = other.services;
    return await checkObjects({ objects, keeping }, { fix: true, marginSeconds: 0, ...options }, () => {});
  };
  const runs = async (...names: string[]) => {
    const ids = [];
    for (const name of names) ids.push((await other.run(heldCsv([name]), { operation: 'hold' })).id);
    return ids;
  };

  it('of the objects is not removed, but if that is meant: a new database knows some of an old bucket', async () => {
    await runs('demo');
    const known = (await other.keys('')).length;
    const keys = Array.from({ length: BEFORE }, () => uploadKey(other.caller.accountId, uuidv7()));
    for (const key of keys) await other.services.objects.put(key, Buffer.from('x'));
    await expect(fix()).rejects.toThrow(
      `the database knows ${known} of the objects that are in the object store, and ${BEFORE} would be removed`,
    );
    const settings = settingsOf(other.locations);
    const refused = await sheafCommand(['check', '--fix', '--older-than', '0'], settings);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('say --fix --even-most') });
    expect(await other.keys('uploads/')).toEqual(expect.arrayContaining(keys));
    const meant = await sheafCommand(['check', '--fix', '--even-most', '--older-than', '0'], settings);
    expect(meant).toMatchObject({ code: 0 });
    expect(await other.keys('')).toHaveLength(known);
  });

  it('of the batches does not expire, but if that is meant', async () => {
    const [half, more] = await runs('half', 'more', 'whole');
    await other.services.objects.removeAll(batchPrefix(half!));
    await other.services.objects.removeAll(batchPrefix(more!));
    // As many as stay.
    expect(await fix()).toMatchObject({ found: 2, mended: 2 });
    const ends = async (ids: string[]) => {
      while (!(await Promise.all(ids.map((id) => other.batch(id)))).every((it) => it.expired))
        await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await ends([half!, more!]);
    const three = await runs('most1', 'most2', 'most3');
    for (const id of three) await other.services.objects.removeAll(batchPrefix(id));
    await expect(fix()).rejects.toThrow(
      'the object store has what 2 of the batches and uploads count on, and 3 would expire or count as empty',
    );
    for (const id of three) expect(await other.batch(id)).toMatchObject({ expired: false });
    expect(await fix({ evenMost: true })).toMatchObject({ found: 3, mended: 3 });
    await ends(three);
  });
});

describe('npx sheaf check', () => {
  const command = (...args: string[]) => sheafCommand(['check', ...args], settingsOf(sheaf.locations));

  it('tells in words or as JSON, and its exit code whether something is left', async () => {
    const key = `${batchPrefix(uuidv7())}input/${randomUUID()}`;
    await put(key);
    const found = await command('--older-than', '0');
    expect(found).toMatchObject({ code: 1, err: '' });
    expect(found.out).toContain(`object without owner: ${key} (1 B, of `);
    const fixed = await command('--older-than=0', '--fix', '--json');
    expect(fixed).toMatchObject({ code: 0, err: '' });
    const lines = fixed.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { kind: 'object_without_owner', key, bytes: 1, remedy: 'removed' },
      { kind: 'summary', found: 1, mended: 1 },
    ]);
  });

  it('ends with 130 when it is interrupted', async () => {
    const asked = gate();
    const silent = createServer(() => void asked.wait());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const settings = { ...settingsOf(sheaf.locations), S3_ENDPOINT: `http://127.0.0.1:${port}` };
    const interrupted = sheafCommand(['check'], settings, '', async (child) => {
      await asked.arrived;
      child.kill('SIGINT');
    });
    expect(await interrupted).toMatchObject({
      code: 130,
      err: expect.stringContaining('broken off (SIGINT)'),
    });
    silent.closeAllConnections();
    silent.close();
  });
});
