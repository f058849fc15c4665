import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createUpload } from '../../src/engine/create-upload.ts';
import type { CutProxy } from '../support/cut-proxy.ts';
import { faultsOfLines, learnersCsv } from '../support/learner-file.ts';
import { xlsxOf } from '../support/learner-forms.ts';
import {
  expectToldWell,
  OUTAGE_RECORDS,
  OUTAGE_SETTINGS,
  openSheafBehindProxy,
  type SheafBehindProxy,
  startClients,
  startOutage,
} from '../support/outage.ts';
import { type S3Trouble, startS3Trouble } from '../support/s3-trouble.ts';
import type { TestSheaf } from '../support/sheaf.ts';

/**
 * An object store that is in trouble while batches are under way: nothing is started again, nobody helps, no batch ends
 * for it, and each record is done once. Attempts are few, to show that none is spent.
 */

const PATIENT = { timeout: 300_000 };
const SETTINGS = { ...OUTAGE_SETTINGS, SHEAF_MAX_ATTEMPTS: '3', SHEAF_LEASE_SECONDS: '6' };

/** As many requests as a worker makes in a few rounds: more than all attempts, if they counted. */
const MANY = 40;

let trouble: S3Trouble;
let behind: SheafBehindProxy;
let proxy: CutProxy;
let sheaf: TestSheaf;
/** Of an upload that nothing was put to: to say so, the store is asked. */
let handler: string;

beforeAll(async () => {
  trouble = await startS3Trouble(inject('s3').endpoint);
  behind = await openSheafBehindProxy(
    trouble.port,
    (locations, port) => {
      const s3 = { ...locations.s3, endpoint: `http://127.0.0.1:${port}`, silenceMs: 3_000 };
      return { ...locations, s3 };
    },
    { settings: SETTINGS },
  );
  ({ sheaf, proxy } = behind);
  handler = (await createUpload(sheaf.engine, sheaf.caller, {})).handler;
});
afterAll(async () => {
  await behind?.close();
  await trouble?.close();
});

const clients = () =>
  startClients(sheaf, {
    list: { path: '/batches?limit=5' },
    ready: { path: '/health/ready' },
    create: { path: '/batches', body: { handler, operation: 'create_learner' } },
  });

const ofBatch = (id: string, path: string) => path.includes(`/batches/${id}/`);

describe('an object store', PATIENT, () => {
  it('that answers 500 to everything, then 503 (SlowDown): work waits, and requests are told so', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'a');
    await batch.settled('process', 5);
    trouble.befallen = 0;
    trouble.rule = () =>
      trouble.befallen < MANY / 2
        ? { answer: 500, code: 'InternalError' }
        : { answer: 503, code: 'SlowDown' };
    while (trouble.befallen < MANY) await sleep(20);
    // Before it is over, so that somebody has been told.
    const told = await asking.stop();
    trouble.rule = () => null;
    await batch.endedOnce();
    expect(told).toContainEqual(expect.objectContaining({ what: 'create', status: 503 }));
    expectToldWell(told, { withinSeconds: 25, also: 'upload_missing' });
  });

  it('that closes in the middle of objects, and of requests', async () => {
    const batch = await startOutage(sheaf, 'c');
    const id = batch.id;
    trouble.befallen = 0;
    trouble.rule = ({ method, path }) =>
      method === 'GET' && ofBatch(id, path) && trouble.befallen < 20 ? { cutShort: true } : null;
    await batch.settled('validate', 10);
    const answers = proxy.breakAfter(200, 'answers', 5);
    while (answers() < 5) await sleep(5);
    const requests = proxy.breakAfter(200, 'requests', 5);
    await batch.endedOnce();
    expect([trouble.befallen, answers(), requests()]).toEqual([20, 5, 5]);
  });

  it('that gives less than there is, and other bytes: what is read again is right', async () => {
    const asks = new Map<string, number>();
    trouble.befallen = 0;
    // Each object once: the upload when it is hashed, the chunks, the parts.
    trouble.rule = ({ method, path }) => {
      const key = path.split('?')[0] ?? '';
      const nth = (asks.get(key) ?? 0) + 1;
      if (method !== 'GET' || !/\/(uploads|parts)\//.test(key)) return null;
      asks.set(key, nth);
      return nth > 1 ? null : asks.size % 2 === 0 ? { truncated: true } : { damaged: true };
    };
    const hash = { hash: true };
    const upload = await sheaf.upload(learnersCsv('d', OUTAGE_RECORDS), hash);
    const id = await sheaf.submit(upload);
    const batch = await sheaf.ended(id);
    expect(batch.counts).toMatchObject({ total: OUTAGE_RECORDS, succeeded: OUTAGE_RECORDS });
    expect(trouble.befallen).toBeGreaterThan(OUTAGE_RECORDS / Number(SETTINGS.SHEAF_CHUNK_RECORDS));
  });

  it.each([
    ['gzip', 'k', (csv: string) => gzipSync(csv)],
    ['UTF-16', 'l', (csv: string) => Buffer.from(`\ufeff${csv}`, 'utf16le')],
    ['a workbook', 'm', xlsxOf],
  ])(
    'that gives other bytes, or less, of what is converted (%s): no other records come of it',
    async (_, prefix, made) => {
      let asks = 0;
      trouble.befallen = 0;
      // Every other time: while it is proven, while it is converted, and of the blocks that are read again.
      trouble.rule = ({ method, path }) => {
        if (method !== 'GET' || !/\/input\//.test(path)) return null;
        asks += 1;
        if (asks % 2 === 0) return null;
        return asks % 4 === 1 ? { damaged: true } : { truncated: true };
      };
      const id = await sheaf.submit(await sheaf.upload(made(learnersCsv(prefix, OUTAGE_RECORDS))));
      const batch = await sheaf.ended(id);
      trouble.rule = () => null;
      expect(batch).toMatchObject({
        status: 'completed',
        counts: { total: OUTAGE_RECORDS, succeeded: OUTAGE_RECORDS },
      });
      expect(faultsOfLines(await sheaf.lines(batch), prefix, OUTAGE_RECORDS)).toEqual([]);
      expect(trouble.befallen).toBeGreaterThanOrEqual(3);
    },
  );

  it('that is gone without a word, and slow when it is back', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'e');
    await batch.settled('process', 5);
    proxy.strand();
    proxy.slow({ delayMs: 10 });
    await batch.endedOnce();
    expectToldWell(await asking.stop(), { withinSeconds: 25, also: 'upload_missing' });
    await proxy.mend();
  });
});
