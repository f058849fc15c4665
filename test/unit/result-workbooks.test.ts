import { setImmediate as turn } from 'node:timers/promises';
import type ExcelJS from 'exceljs';
import { describe, expect, test } from 'vitest';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import { failedLine, type ResultLine, succeededLine } from '../../src/core/result.ts';
import type { ChunkLines } from '../../src/engine/ports/batch-results.ts';
import type { BatchClaim } from '../../src/engine/ports/claims.ts';
import { ObjectGone } from '../../src/engine/ports/object-store.ts';
import { csvDescription } from '../../src/formats/description.ts';
import type { OpenScratch } from '../../src/formats/scratch.ts';
import { sha256, store, write } from '../support/written-results.ts';
import { opened, valuesOf } from './xlsx-write-book.ts';

const bad = { code: 'too_long', message: 'must be short', field: 'name', column: 'name', value: '=x' };

/** A batch of one chunk, whose lines are the part of its processing or, where nothing was processed, of its check. */
function batchOf(
  names: readonly string[],
  rows: readonly string[],
  lines: readonly ResultLine[],
  { processed = true }: { processed?: boolean } = {},
) {
  const head = `${names.join(',')}\n`;
  const input = Buffer.from(head + rows.map((row) => `${row}\n`).join(''));
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const part = `parts/${sha256(bytes)}`;
  const failed = lines.filter(({ status }) => status === 'failed').length;
  const [start, end] = [head.length, input.length];
  const chunk: ChunkLines = {
    range: {
      number: 1,
      firstRecord: 1,
      records: rows.length,
      start,
      end,
      sha256: sha256(input.subarray(start)),
    },
    repeatedIds: [],
    ...(processed ? { part, validationPart: null } : { part: null, validationPart: part }),
    ...{ succeeded: rows.length - failed, failed, invalid: failed },
  };
  const options: Partial<BatchClaim> = {
    ...{ resultsFormats: ['xlsx'], total: rows.length, chunkCount: 1 },
    upload: { bytes: input.length, etag: 'e' },
    read: csvDescription({ bom: false, columns: names.map((name) => ({ name, field: name })) }),
  };
  const it = store();
  it.objects.set('input', input).set(part, bytes);
  return { it, chunks: [chunk], options };
}

const TABLE = ['id', 'name'];
const ROWS = ['a,Ann', '=b,x', 'c,Cid'];
const LINES = [succeededLine(1, {}, 1), failedLine(2, [bad], 0), succeededLine(3, {}, 1)];

async function bookOf(it: ReturnType<typeof store>, name: string): Promise<ExcelJS.Workbook> {
  const bytes = it.objects.get(name);
  if (bytes === undefined) throw new Error(`there is no ${name}`);
  return await opened(bytes);
}

/** Scratches that say whether somebody still has them. */
function scratches() {
  let open = 0;
  let all = 0;
  const openScratch: OpenScratch = async () => {
    const scratch = await tempFileScratch();
    open += 1;
    all += 1;
    let closed = false;
    return {
      get bytes() {
        return scratch.bytes;
      },
      append: (bytes) => scratch.append(bytes),
      read: (start, end) => scratch.read(start, end),
      close: async () => {
        if (!closed) open -= 1;
        closed = true;
        await scratch.close();
      },
    };
  };
  return { openScratch, open: () => open, all: () => all };
}

describe('results as workbooks', () => {
  test('are of every kind, counted and hashed like the others', async () => {
    const { it, chunks, options } = batchOf(TABLE, ROWS, LINES);
    const { finished, alive } = await write(it, chunks, options);
    expect(finished?.files.map(({ kind, format, records }) => [`${kind}.${format}`, records])).toEqual([
      ['all.xlsx', 3],
      ['succeeded.xlsx', 2],
      ['failed.xlsx', 1],
      ['errors.xlsx', 1],
      ['unprocessed.xlsx', 0],
      ['unprocessed.csv', 0],
      ['manifest.json', 3],
    ]);
    for (const { kind, format, bytes, sha256: sum } of finished?.files ?? []) {
      const stored = it.objects.get(`${kind}.${format}`);
      expect([stored?.length, stored && sha256(stored)]).toEqual([bytes, sum]);
      if (format !== 'xlsx') continue;
      expect(it.options.get(`${kind}.xlsx`)?.contentType).toBe(
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      );
      expect(it.options.get(`${kind}.xlsx`)?.expectedBytes).toBeGreaterThan(bytes);
    }
    expect(alive).toBeGreaterThan(0);
    const all = (await bookOf(it, 'all.xlsx')).worksheets;
    expect(all.map(({ name }) => name)).toEqual(['Records']);
    expect(valuesOf(all[0], 8)).toEqual([
      ['id', 'name', '_rest', '_record', '_status', '_error_code', '_error', '_sheaf'],
      ['a', 'Ann', null, 1, 'succeeded', null, null, null],
      ["'=b", 'x', null, 2, 'failed', 'too_long', 'name: must be short', null],
      ['c', 'Cid', null, 3, 'succeeded', null, null, null],
    ]);
    const [unprocessed] = (await bookOf(it, 'unprocessed.xlsx')).worksheets;
    expect(valuesOf(unprocessed, 4)).toEqual([['id', 'name', '_rest', '_sheaf']]);
  });

  test('mark what is wrong, and the report lists it', async () => {
    const { it, chunks, options } = batchOf(TABLE, ROWS, LINES);
    await write(it, chunks, options);
    for (const [name, row] of [
      ['all.xlsx', 3],
      ['failed.xlsx', 2],
      ['errors.xlsx', 2],
    ] as const) {
      const [sheet] = (await bookOf(it, name)).worksheets;
      const [good, marked] = ['A', 'B'].map((column) => sheet?.getCell(`${column}${row}`));
      expect(marked?.fill).toMatchObject({ type: 'pattern', pattern: 'solid' });
      expect(good?.fill).not.toMatchObject({ type: 'pattern', pattern: 'solid' });
      expect(JSON.stringify(marked?.note)).toContain('must be short (too_long)');
      expect(good?.note).toBeUndefined();
    }
    const [table, report] = (await bookOf(it, 'errors.xlsx')).worksheets;
    expect(table?.rowCount).toBe(2);
    expect(report?.name).toBe('Errors');
    expect(valuesOf(report, 7)).toEqual([
      ['record', 'custom_id', 'column', 'field', 'code', 'message', 'value'],
      [2, null, 'name', 'name', 'too_long', 'must be short', "'=x"],
    ]);
  });

  test('of a file that was only checked hold all of it in the report, to be mended and sent again', async () => {
    const failed = LINES.filter(({ status }) => status === 'failed');
    const { it, chunks, options } = batchOf(TABLE, ROWS, failed, { processed: false });
    const { finished } = await write(it, chunks, { ...options, status: 'validating', rejected: true });
    expect(finished?.counts).toMatchObject({ total: 3, failed: 1, unprocessed: 2 });
    const records = new Map(
      finished?.files.map(({ kind, format, records }) => [`${kind}.${format}`, records]),
    );
    expect(['errors.xlsx', 'failed.xlsx', 'unprocessed.xlsx'].map((name) => records.get(name))).toEqual([
      3, 1, 2,
    ]);
    const [table, report] = (await bookOf(it, 'errors.xlsx')).worksheets;
    expect(valuesOf(table, 5).map(([id, , , record, status]) => [id, record, status])).toEqual([
      ['id', '_record', '_status'],
      ['a', 1, 'unprocessed'],
      ["'=b", 2, 'failed'],
      ['c', 3, 'unprocessed'],
    ]);
    expect(report?.rowCount).toBe(2);
  });

  test('are left out where the input is gone, and said to be so', async () => {
    const { it, chunks, options } = batchOf(TABLE, ROWS, LINES);
    const { read } = it.given;
    it.given.read = async (key, options) => {
      if (key === 'input') throw new ObjectGone(key);
      return await read(key, options);
    };
    const formats = ['ndjson', 'xlsx'] as const;
    const { finished } = await write(it, chunks, {
      ...options,
      status: 'cancelling',
      resultsFormats: formats,
    });
    expect(finished?.files.map(({ kind, format }) => `${kind}.${format}`)).toEqual([
      ...['all.ndjson', 'succeeded.ndjson', 'errors.ndjson'],
      ...['unprocessed.ndjson', 'unprocessed.xlsx', 'unprocessed.csv', 'manifest.json'],
    ]);
    const { omitted } = JSON.parse(it.objects.get('manifest.json')?.toString() ?? '');
    expect(omitted.map(({ kind, format }: { kind: string; format: string }) => `${kind}.${format}`)).toEqual([
      ...['all.xlsx', 'succeeded.xlsx', 'failed.ndjson', 'failed.xlsx', 'errors.xlsx'],
    ]);
    expect(it.objects.has('all.xlsx')).toBe(false);
  });
});

describe('workbooks that come to nothing', () => {
  /** So many broken rules that they do not fit into memory. */
  const many = () => {
    const count = 4000;
    const lines = Array.from({ length: count }, (_, n) =>
      failedLine(n + 1, [{ ...bad, message: `must be short ${'!'.repeat(100)}` }], 0),
    );
    const rows = lines.map(({ record }) => `r${record},${'x'.repeat(100)}`);
    return batchOf(TABLE, rows, lines);
  };

  test('leave nothing behind when all goes well', async () => {
    const { it, chunks, options } = many();
    const { openScratch, open, all } = scratches();
    await write(it, chunks, options, { openScratch });
    expect([all(), open()]).toEqual([1, 0]);
  });

  test('when one cannot be stored are all given up', async () => {
    const { it, chunks, options } = many();
    const { openScratch, open } = scratches();
    const { putStream } = it.given;
    it.given.putStream = async (key, body, options) => {
      if (!key.endsWith('failed.xlsx')) return await putStream(key, body, options);
      for await (const _ of body) throw new Error('no room');
    };
    await expect(write(it, chunks, options, { openScratch })).rejects.toThrow('no room');
    expect(
      [...it.objects.keys()].filter((name) => name.endsWith('.xlsx') || name === 'manifest.json'),
    ).toEqual([]);
    expect(open()).toBe(0);
  });

  test('when the lease is lost in the middle are given up with its reason', async () => {
    const { it, chunks, options } = many();
    const { openScratch, open } = scratches();
    const lost = new Error('the lease is not held any more');
    const lease = new AbortController();
    const losing: OpenScratch = async () => {
      lease.abort(lost);
      return await openScratch();
    };
    await expect(write(it, chunks, options, { openScratch: losing, signal: lease.signal })).rejects.toBe(
      lost,
    );
    expect(it.objects.has('manifest.json')).toBe(false);
    expect(open()).toBe(0);
  });

  test('let the event loop turn while wide rows are written', async () => {
    const names = Array.from({ length: 1000 }, (_, n) => `c${n}`);
    const rows = Array.from({ length: 200 }, () => names.join(','));
    const lines = rows.map((_, n) => succeededLine(n + 1, {}, 1));
    const { it, chunks, options } = batchOf(names, rows, lines);
    let turns = 0;
    let going = true;
    const ticking = (async () => {
      for (; going; turns += 1) await turn();
    })();
    try {
      await write(it, chunks, options);
    } finally {
      going = false;
      await ticking;
    }
    // Two workbooks of 200,000 cells, 10,000 at a time.
    expect(turns).toBeGreaterThan(40);
  });
});
