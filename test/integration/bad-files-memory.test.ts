import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putFile } from '../../src/client/put-file.ts';
import { createUpload } from '../../src/engine/create-upload.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';
import { bomb } from '../support/xlsx-bomb.ts';
import { bookOf, sheetOf } from '../support/xlsx-book.ts';

/**
 * What is far too large, through a worker in a process of its own, and what that adds to the most memory that the process
 * has had, as the kernel has counted it. The worker has worked on smaller ones before.
 */

const MIB = 1024 * 1024;
const CELL_MIB = 200;
/** What the collector has not taken yet is much of it, and still far less than the cell. */
const LIMIT = (CELL_MIB / 2) * MIB;
const counted = existsSync('/proc/self/clear_refs');
const reason = counted ? '' : ' (skipped: there is no /proc here to read it from)';
const PATIENT = { timeout: 300_000 };

let sheaf: TestSheaf;
let worker: WorkerProcess;

/** A file that is never whole in memory: some bytes so many times, between others. */
interface Repeated {
  head: Buffer;
  part: Buffer;
  times: number;
  tail: Buffer;
}

async function* piecesOf({ head, part, times, tail }: Repeated): AsyncGenerator<Buffer> {
  yield head;
  for (let time = 0; time < times; time++) yield part;
  yield tail;
}

async function run(file: Repeated): Promise<BatchRow> {
  const { handler, put } = await createUpload(sheaf.engine, sheaf.caller, {});
  const size = file.head.length + file.part.length * file.times + file.tail.length;
  const ticket = {
    handler,
    url: put.url,
    method: 'PUT',
    headers: put.headers,
    validity_ts: put.expiresAt,
  } as const;
  await putFile(ticket, { stream: Readable.from(piecesOf(file)), size });
  return await sheaf.ended(await sheaf.submit(handler, { on_invalid: 'skip' }));
}

const whole = (bytes: Buffer): Repeated => ({
  head: bytes,
  part: Buffer.alloc(0),
  times: 0,
  tail: Buffer.alloc(0),
});

const HEADER = 'learner_id,given_name\n';

/** A good record, one whose cell has so many MiB, and a good one. */
function csvCell(name: string, mebibytes: number): Repeated {
  return {
    head: Buffer.from(`${HEADER}${name}1,Ana\n${name}2,"`),
    part: Buffer.alloc(MIB, 'a cell, and "" so on\n'),
    times: mebibytes,
    tail: Buffer.from(`"\n${name}3,Eva\n`),
  };
}

/** The same in a workbook, deflated so that it is no bomb: each part repeats what is random about it. */
function xlsxCell(name: string, mebibytes: number): Repeated {
  const row = (cell: string, text: string) =>
    `<row><c t="str"><v>${cell}</v></c><c t="str"><v>${text}</v></c></row>`;
  const [before = '', after = ''] = sheetOf(
    row('learner_id', 'given_name') + row(`${name}1`, 'Ana') + row(`${name}2`, '|') + row(`${name}3`, 'Eva'),
  ).split('|');
  const random = Array.from({ length: 500 }, (_, n) =>
    createHash('sha256').update(String(n)).digest('hex'),
  ).join('');
  const text = Buffer.alloc(MIB, random);
  const flushed = { finishFlush: constants.Z_FULL_FLUSH };
  const packed = deflateRawSync(text, flushed);
  let sum = crc32(before);
  for (let time = 0; time < mebibytes; time++) sum = crc32(text, sum);
  const parts = [deflateRawSync(before, flushed), ...Array(mebibytes).fill(packed), deflateRawSync(after)];
  return whole(
    bookOf({
      odd: {
        'xl/worksheets/sheet1.xml': {
          packed: Buffer.concat(parts),
          crc32: crc32(after, sum),
          unpackedBytes: before.length + MIB * mebibytes + after.length,
        },
      },
    }),
  );
}

/** The most memory that the worker has had since it was last asked to forget it. */
function mostMemory(): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${worker.child.pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** Runs a batch. @returns it, and how much more memory the worker has had meanwhile than before */
async function measured(file: Repeated): Promise<{ batch: BatchRow; grown: number }> {
  writeFileSync(`/proc/${worker.child.pid}/clear_refs`, '5');
  const before = mostMemory();
  const batch = await run(file);
  return { batch, grown: mostMemory() - before };
}

beforeAll(async () => {
  sheaf = await openTestSheaf();
  worker = await startWorkerProcess(sheaf, { SHEAF_LEASE_SECONDS: '30' });
});
afterAll(async () => {
  await worker?.kill();
  await sheaf?.close();
});

describe.skipIf(!counted)(`the memory of a worker${reason}`, PATIENT, () => {
  beforeAll(async () => {
    for (const file of [csvCell('s', CELL_MIB / 2), xlsxCell('t', CELL_MIB / 2), whole(bomb(20))]) {
      await run(file);
    }
  }, PATIENT.timeout);

  it('512 MiB in a workbook of half a megabyte are refused within two seconds', async () => {
    const file = bomb(512);
    expect(file.length).toBeLessThan(600_000);
    const { batch, grown } = await measured(whole(file));
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_bomb' },
      counts: { total: 0 },
    });
    const at = (status: string) => batch.statuses.find((entry) => entry.status === status)!.ts;
    expect(at('validating') - at('copied')).toBeLessThan(2);
    expect(grown).toBeLessThan(64 * MIB);
  });

  it.each([
    ['CSV', csvCell, 'record_too_large'],
    ['a workbook', xlsxCell, 'cell_too_large'],
  ] as const)(`a cell of ${CELL_MIB} MiB in %s fails alone`, async (_, make, code) => {
    const { batch, grown } = await measured(make('z', CELL_MIB));
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 2, failed: 1 } });
    expect(await sheaf.lines(batch, 'failed')).toMatchObject([{ record: 2, error: { code } }]);
    expect(grown).toBeLessThan(LIMIT);
    await sheaf.sql`delete from learners`;
  });
});
