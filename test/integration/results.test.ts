import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResultLine } from '../../src/core/result.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { BatchResults, workbook } from '../support/batch-results.ts';
import { heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf(
    { SHEAF_CHUNK_RECORDS: '3', SHEAF_MAX_RECORD_BYTES: '300', SHEAF_MAX_CELL_BYTES: '150' },
    { operations: [held.operation] },
  );
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const BOTH = ['ndjson', 'csv'] as const;
const OURS = '_rest,_record,_status,_error_code,_error,"_sheaf"';

const { names, text, lines, manifest, checkAccounting } = new BatchResults(() => sheaf);

const codes = (given: readonly ResultLine[]) =>
  given.map((line) => (line.status === 'failed' ? line.error.code : line.status));

const HEADER = 'learner_id,email,given_name,score';
/** With no rest, and the marker. */
const unprocessedCsv = (...rows: string[]) =>
  `${[`${HEADER},_rest,"_sheaf"`, ...rows.map((row) => `${row},,`)].join('\r\n')}\r\n`;
const csv = (...rows: string[]) => `${[HEADER, ...rows].join('\r\n')}\r\n`;

describe('a CSV file with bad records of every sort', () => {
  const rows = [
    'r1,r1@example.org,"Ana ""x"", B",1.50',
    'r2,no-mail,,101',
    'r1,,twice,',
    'r4,,"a"b,',
    'r5,,',
    'r6,,,,',
    `r7,,${'x'.repeat(160)},`,
    `r8,,${'x'.repeat(400)},`,
    'r9,,007,',
    'r10,,"two\r\nlines",',
  ];
  let batch: BatchRow;

  beforeAll(async () => {
    batch = await sheaf.run(csv(...rows), { on_invalid: 'skip', results_format: BOTH });
  });

  it('has every kind in every format, and they add up', async () => {
    expect(batch.status).toBe('completed');
    expect(names(batch)).toEqual([
      'all.ndjson',
      'all.csv',
      'succeeded.ndjson',
      'succeeded.csv',
      'failed.ndjson',
      'failed.csv',
      'errors.ndjson',
      'errors.csv',
      'unprocessed.ndjson',
      'unprocessed.csv',
      'manifest.json',
    ]);
    expect(batch.counts).toEqual({ total: 10, succeeded: 3, failed: 7, skipped: 0, unprocessed: 0 });
    await checkAccounting(batch);
    expect((await manifest(batch)).omitted).toEqual([]);
  });

  it('tells in lines what became of each record', async () => {
    expect(codes(await lines(batch, 'all'))).toEqual([
      'succeeded',
      'invalid_format',
      'duplicate_learner_id',
      'quote_misplaced',
      'cells_too_few',
      'cells_too_many',
      'cell_too_large',
      'record_too_large',
      'succeeded',
      'succeeded',
    ]);
    expect((await lines(batch, 'succeeded')).map(({ record }) => record)).toEqual([1, 9, 10]);
    const failed = await lines(batch, 'failed');
    const all = await lines(batch, 'all');
    expect(failed.map(({ input, ...line }) => line)).toEqual(all.filter((line) => line.status === 'failed'));
    expect(failed.map(({ input }) => input)).toEqual([
      { learner_id: 'r2', email: 'no-mail', given_name: '', score: '101' },
      { learner_id: 'r1', email: '', given_name: 'twice', score: '' },
      'r4,,"a"b,',
      'r5,,',
      'r6,,,,',
      rows[6],
      null,
    ]);
    expect(await text(batch, 'errors', 'ndjson')).toBe(
      `${all
        .filter((line) => line.status === 'failed')
        .map((line) => JSON.stringify(line))
        .join('\n')}\n`,
    );
  });

  it('gives the client’s own columns back in tables', async () => {
    const table = await text(batch, 'all', 'csv');
    expect(table.startsWith(`${HEADER},${OURS}\r\n`)).toBe(true);
    expect(table).toContain('\r\nr1,r1@example.org,"Ana ""x"", B",1.50,,1,succeeded,,,\r\n');
    expect(table).toContain('\r\nr10,,"two\r\nlines",,,10,succeeded,,,\r\n');
    expect(table).toMatch(
      /\r\nr2,no-mail,,101,,2,failed,invalid_format; out_of_range,email: must be .*; score: must be .*\r\n/,
    );
    expect(table).toMatch(/\r\n,,,,"r4,,""a""b,",4,failed,quote_misplaced,/);
    expect(table).toMatch(/\r\n,,,,"r5,,",5,failed,cells_too_few,/);
    expect(table).toMatch(/\r\n,,,,"r6,,,,",6,failed,cells_too_many,/);
    expect(table).toMatch(/\r\n,,,,The record has \d+ bytes[^,]*,8,failed,record_too_large,/);
    const failed = (await text(batch, 'failed', 'csv')).split('\r\n');
    expect(failed.slice(1, -1).map((row) => /,(\d+),failed,/.exec(row)?.[1])).toEqual([
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
    ]);
    const report = (await text(batch, 'errors', 'csv')).split('\r\n');
    expect(report[0]).toBe('record,column,field,code,message,value');
    expect(report.filter((row) => row.startsWith('2,'))).toHaveLength(2);
    expect(await text(batch, 'unprocessed', 'csv')).toBe(`${HEADER},_rest,"_sheaf"\r\n`);
    expect(await text(batch, 'unprocessed', 'ndjson')).toBe('');
  });

  it('mended, the failed records are sent again as they came back', async () => {
    const mended = (await text(batch, 'failed', 'csv'))
      .replace('r2,no-mail,,101', 'm2,m2@example.org,,100')
      .replace('r1,,twice,', 'm1,,twice,')
      .replace(',,,,"r4,,""a""b,"', 'm4,,ab,,')
      .replace(',,,,"r5,,"', 'm5,,,,')
      .replace(',,,,"r6,,,,"', 'm6,,,,')
      .replace('x'.repeat(160), 'x')
      .replace(/\r\n,,,,[^,]+,8/, '\r\nm8,,,,,8');
    const again = await sheaf.run(mended, { results_format: ['csv'] });
    expect(again).toMatchObject({ status: 'completed', counts: { total: 7, succeeded: 7 } });
    const table = (await text(again, 'all', 'csv')).split('\r\n');
    expect(table[0]).toBe(`${HEADER},${OURS}`);
    expect(table[1]).toBe('m2,m2@example.org,,100,,1,succeeded,,,');
    expect(names(again)).toEqual([
      ...['all.csv', 'succeeded.csv', 'failed.csv', 'errors.csv', 'unprocessed.csv', 'manifest.json'],
    ]);
  });
});

describe('rows that could not be read', () => {
  it('sent back unmended, fail again and lose nothing', async () => {
    const body = `${HEADER}\nz1,z1@example.org,Ann,1,Smith\nz2\n`;
    const first = await sheaf.run(body, { on_invalid: 'skip', results_format: BOTH });
    expect(first.counts).toMatchObject({ total: 2, failed: 2 });
    let sent = await text(first, 'failed', 'csv');
    for (let time = 0; time < 2; time += 1) {
      const again = await sheaf.run(sent, { on_invalid: 'skip', results_format: BOTH });
      expect(again.counts).toMatchObject({ total: 2, succeeded: 0, failed: 2 });
      expect(codes(await lines(again, 'all'))).toEqual(['rest_not_empty', 'rest_not_empty']);
      sent = await text(again, 'failed', 'csv');
      expect(sent).toMatch(/\r\n,,,,"z1,z1@example.org,Ann,1,Smith",1,failed,.*\r\n,,,,z2,2,failed,/);
    }
    const [stored] =
      await sheaf.sql`select count(*)::int as n from learners where learner_id in ('z1', 'z2')`;
    expect(stored?.n).toBe(0);
  });
});

describe('the unprocessed records', () => {
  it('of a rejected file are its good rows, which can be sent again', async () => {
    const body = '\uFEFFlearner_id , given_name\nu1," x "\r\n\r\nu2,bad"\nu3,"a\nb"\n\nu4,';
    const rejected = await sheaf.run(body);
    expect(rejected.status).toBe('validation_failed');
    expect(codes(await lines(rejected, 'all'))).toEqual([
      ...['unprocessed', 'quote_misplaced', 'unprocessed', 'unprocessed'],
    ]);
    await checkAccounting(rejected);
    const rest = await text(rejected, 'unprocessed', 'csv');
    expect(rest).toBe('\uFEFFlearner_id,given_name,_rest,"_sheaf"\r\nu1, x ,,\r\nu3,"a\nb",,\r\nu4,,,\r\n');
    expect(await text(rejected, 'unprocessed', 'ndjson')).toBe(
      '{"learner_id":"u1","given_name":" x "}\n{"learner_id":"u3","given_name":"a\\nb"}\n{"learner_id":"u4","given_name":""}\n',
    );

    const again = await sheaf.run(rest);
    expect(again).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 3 } });
    const [stored] = await sheaf.sql`select given_name from learners where learner_id = 'u1'`;
    expect(stored?.given_name).toBe(' x ');
  });

  it('of a dry run are all good ones, and nothing was done', async () => {
    const dry = await sheaf.run(csv('d1,,,', 'd2,x,,', 'd3,,,'), { dry_run: true, on_invalid: 'skip' });
    expect(dry).toMatchObject({ status: 'completed', counts: { failed: 1, unprocessed: 2 } });
    await checkAccounting(dry);
    expect(await text(dry, 'unprocessed', 'csv')).toBe(unprocessedCsv('d1,,,', 'd3,,,'));
    const again = await sheaf.run(await text(dry, 'unprocessed', 'csv'));
    expect(again.counts).toMatchObject({ total: 2, succeeded: 2 });
  });

  it('of a file without a column that is needed are sent again with a mapping', async () => {
    const body = 'Nummer,"E, Mail"\nf1,f1@example.org\nf2,\n';
    const faulty = await sheaf.run(body, { results_format: BOTH });
    expect(faulty).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_column_missing' },
      counts: { total: 2, unprocessed: 2 },
    });
    await checkAccounting(faulty);
    const again = await sheaf.run(await text(faulty, 'unprocessed', 'csv'), {
      mapping: { Nummer: 'learner_id' },
    });
    expect(again.counts).toMatchObject({ total: 2, succeeded: 2 });
    expect(await text(faulty, 'all', 'csv')).toBe(
      `Nummer,"E, Mail",${OURS}\r\nf1,f1@example.org,,1,unprocessed,,,\r\nf2,,,2,unprocessed,,,\r\n`,
    );
  });

  it('of a cancelled batch are those that were not reached', async () => {
    const rows = Array.from({ length: 8 }, (_, n) => `c${n}`);
    let calls = 0;
    held.before = async () => {
      calls += 1;
      if (calls === 2) await sheaf.account.batches.change(id, { status: 'cancel' });
    };
    const handler = await sheaf.upload(`id\n${rows.join('\n')}`);
    let id = '';
    id = await sheaf.submit(handler, {
      operation: held.operation.name,
      execution: 'serial',
      results_format: BOTH,
    });
    const cancelled = await sheaf.ended(id);
    held.before = async () => undefined;
    expect(cancelled).toMatchObject({ status: 'cancelled', counts: { succeeded: 3, unprocessed: 5 } });
    await checkAccounting(cancelled);
    expect(await text(cancelled, 'unprocessed', 'csv')).toBe(
      'id,_rest,"_sheaf"\r\nc3,,\r\nc4,,\r\nc5,,\r\nc6,,\r\nc7,,\r\n',
    );
    const again = await sheaf.run(await text(cancelled, 'unprocessed', 'ndjson'), {
      operation: held.operation.name,
    });
    expect(again).toMatchObject({ status: 'completed', counts: { total: 5, succeeded: 5 } });
  });

  it('of a batch that was cancelled before it was copied are in no file', async () => {
    const quiet = await openTestSheaf();
    const id = await quiet.submit(await quiet.upload(csv('n1,,,')));
    await quiet.account.batches.change(id, { status: 'cancel' });
    await quiet.startWorkers();
    const cancelled = await quiet.ended(id);
    expect(cancelled).toMatchObject({ status: 'cancelled', results: [], counts: { total: null } });
    await quiet.close();
  });
});

describe('a file that is wrong as a whole', () => {
  it.each([
    ['nothing', '', `${OURS}\r\n`, ''],
    ['a header row', `${HEADER}\n`, `${HEADER},${OURS}\r\n`, unprocessedCsv()],
  ])('has all kinds of files, though it holds only %s', async (_, body, all, unprocessed) => {
    const batch = await sheaf.run(body, { results_format: BOTH });
    expect(batch.status).toBe('validation_failed');
    await checkAccounting(batch);
    expect(await text(batch, 'all', 'csv')).toBe(all);
    expect(await text(batch, 'unprocessed', 'csv')).toBe(unprocessed);
  });

  it.each<[string, () => Promise<Buffer> | Buffer | string, (string | undefined)[][]]>([
    [
      'for lack of a column in a dialect of its own',
      () => `'Num','Te''xt'\n'f1','a\nb'\n'f2','c"'\n`,
      [
        ['Num', "Te'xt"],
        ['f1', 'a\nb'],
        ['f2', 'c"'],
      ],
    ],
    [
      'for lack of a column in a workbook',
      () =>
        workbook('S', [
          ['Nummer', 'given_name'],
          ['x1', 'An"n'],
        ]),
      [
        ['Nummer', 'given_name'],
        ['x1', 'An"n'],
      ],
    ],
    [
      'as its array ends in an item, which has failed,',
      () => '[{"learner_id":"a","email":"\\"x, y"},\n{"learner_id":"b"}, {"learn',
      [
        ['learner_id', 'email'],
        ['a', '"x, y'],
        ['b', ''],
      ],
    ],
    [
      'as the end of it was not uploaded',
      () => gzipSync('learner_id,email\nt1,\nt2,x\n').subarray(0, -6),
      [
        ['learner_id', 'email'],
        ['t1', ''],
        ['t2', 'x'],
      ],
    ],
  ])('%s has what was read of it in its tables', async (_, body, rows) => {
    const batch = await sheaf.run(await body(), { results_format: BOTH });
    expect(batch).toMatchObject({ status: 'validation_failed', counts: { unprocessed: rows.length - 1 } });
    await checkAccounting(batch);
    const [delimiter, quote] =
      batch.read?.format === 'csv' ? [batch.read.delimiter, batch.read.quote] : [',', '"'];
    const options = { bom: true, delimiter, quote, escape: quote };
    const table = parse(await text(batch, 'unprocessed', 'csv'), options) as string[][];
    expect(table.map((row) => row.slice(0, 2))).toEqual(rows);
    expect((await manifest(batch)).omitted).toEqual([]);
  });

  it('by the header row of a workbook has its rows in the tables, and no file to send again', async () => {
    const body = await workbook('S', [
      ['a', 'a'],
      ['x1', 'An"n'],
    ]);
    const batch = await sheaf.run(body, { results_format: ['csv', 'xlsx'] });
    expect(batch.statusReason).toMatchObject({ code: 'file_header_duplicate' });
    await checkAccounting(batch);
    expect(names(batch)?.filter((name) => name.startsWith('unprocessed'))).toEqual([]);
    expect((await manifest(batch)).omitted).toEqual([
      { kind: 'unprocessed', format: 'xlsx', why: 'the header row could not be read' },
    ]);
    expect(await text(batch, 'all', 'csv')).toContain('"[""x1"",""An\\""n""]",1,unprocessed,,,');
  });

  it('by its encoding: the damaged record failed, the others are unprocessed', async () => {
    const body = Buffer.from('learner_id,given_name\ne1,\xc3\x84na\ne2,Andr\xe9\ne3,Eva\ne4,Ida\n', 'latin1');
    const batch = await sheaf.run(body, { on_invalid: 'skip', results_format: BOTH });
    expect(batch.statusReason).toMatchObject({ code: 'file_encoding' });
    await checkAccounting(batch);
    expect(await text(batch, 'unprocessed', 'csv')).toBe(
      'learner_id,given_name,_rest,"_sheaf"\r\ne1,Äna,,\r\ne3,Eva,,\r\ne4,Ida,,\r\n',
    );
    expect(await text(batch, 'failed', 'csv')).toContain('\r\n,,"e2,Andr\uFFFD",2,failed,file_encoding,');
  });

  it('by a quote that is never closed: that record is never read again', async () => {
    const batch = await sheaf.run('learner_id,email\nq1,\nq2,"never\nclosed,\n', { results_format: BOTH });
    expect(batch.statusReason).toMatchObject({ code: 'file_unclosed_quote' });
    await checkAccounting(batch);
    expect((await lines(batch, 'failed')).map(({ input }) => input)).toEqual([null]);
    expect(await text(batch, 'unprocessed', 'csv')).toBe('learner_id,email,_rest,"_sheaf"\r\nq1,,,\r\n');
  });
});

describe('an NDJSON file', () => {
  const body = [
    '{"learner_id":"j1","given_name":"Ana","extra":{"n":12345678901234567890,"t":[1.0]}}',
    '{ "learner_id": "j2", "email": "no-mail", "note": 1.50 }',
    '',
    '{"learner_id":"j3"',
    '[]',
    '{"learner_id":"j1"}',
    `{"learner_id":"j4","given_name":"${'x'.repeat(400)}"}`,
    '{"learner_id":"j5"}',
  ].join('\n');

  it('has the same files, in which nothing of a record is lost', async () => {
    // Across chunks only their order says which of two equal keys wins.
    const batch = await sheaf.run(body, {
      on_invalid: 'skip',
      results_format: BOTH,
      execution: 'serial',
    });
    expect(batch.status).toBe('completed');
    expect(names(batch)?.slice(-3, -1)).toEqual(['unprocessed.ndjson', 'unprocessed.csv']);
    await checkAccounting(batch);
    expect(codes(await lines(batch, 'all'))).toEqual([
      'succeeded',
      'invalid_format',
      'json_malformed',
      'json_not_object',
      'duplicate_learner_id',
      'record_too_large',
      'succeeded',
    ]);
    const inputs = (await text(batch, 'failed', 'ndjson')).split('\n');
    expect(inputs[0]?.endsWith(',"input":{ "learner_id": "j2", "email": "no-mail", "note": 1.50 }}')).toBe(
      true,
    );
    expect((await lines(batch, 'failed')).map(({ input }) => input).slice(1)).toEqual([
      '{"learner_id":"j3"',
      '[]',
      { learner_id: 'j1' },
      null,
    ]);
    const table = (await text(batch, 'all', 'csv')).split('\r\n');
    const fields = 'email,family_name,birth_date,phone,country,score,joined_at';
    expect(table[0]).toBe(`learner_id,given_name,extra.n,extra.t,${fields},${OURS}`);
    expect(table[1]).toBe('j1,Ana,12345678901234567890,[1.0],,,,,,,,,1,succeeded,,,');
    expect(table[2]).toMatch(/^j2,,,,no-mail,,,,,,,"\{""note"":1.50\}",2,failed,invalid_format,/);
    expect(table[4]).toMatch(/^,,,,,,,,,,,\[\],4,failed,json_not_object,/);
    expect(table).toHaveLength(9);

    const failed = (await text(batch, 'failed', 'csv')).split('\r\n');
    const mended = [failed[0], failed[1]?.replace('no-mail', 'j2@example.org')].join('\r\n');
    const again = await sheaf.run(mended, { results_format: BOTH });
    expect(again).toMatchObject({ status: 'completed', counts: { total: 1, succeeded: 1 } });
    const [stored] = await sheaf.sql`select email from learners where learner_id = 'j2'`;
    expect(stored?.email).toBe('j2@example.org');
  });

  it('gives its unprocessed lines back as they were', async () => {
    const rejected = await sheaf.run(body.replaceAll('"j', '"k'));
    expect(rejected.status).toBe('validation_failed');
    await checkAccounting(rejected);
    const rest = await text(rejected, 'unprocessed', 'ndjson');
    expect(rest).toBe(
      [
        '{"learner_id":"k1","given_name":"Ana","extra":{"n":12345678901234567890,"t":[1.0]}}',
        '{"learner_id":"k1"}',
        '{"learner_id":"k5"}',
        '',
      ].join('\n'),
    );
    const again = await sheaf.run(rest);
    expect(again.counts).toMatchObject({ total: 3, succeeded: 2, failed: 1 });
  });
});

describe('custom ids', () => {
  it('stand in every line, also of records that nobody has worked on, and in the error report', async () => {
    const body = csv('i1,,007,', 'i2,bad,"b ""2""",', 'i3,,,', 'i4,,007,', 'i5,,ok,');
    const batch = await sheaf.run(body, { custom_id: 'given_name', results_format: BOTH });
    expect(batch.status).toBe('validation_failed');
    await checkAccounting(batch);
    const all = await lines(batch, 'all');
    expect(all.map((line) => [line.custom_id, ...codes([line])])).toEqual([
      ['007', 'unprocessed'],
      ['b "2"', 'invalid_format'],
      [undefined, 'custom_id_missing'],
      ['007', 'custom_id_repeated'],
      ['ok', 'unprocessed'],
    ]);
    expect(Object.keys(all[0] ?? {})).toEqual(['record', 'custom_id', 'status']);
    expect((await text(batch, 'errors', 'csv')).split('\r\n')[1]).toMatch(
      /^2,"b ""2""",email,email,invalid_format,/,
    );
    expect(await text(batch, 'unprocessed', 'csv')).toBe(unprocessedCsv('i1,,007,', 'i5,,ok,'));

    const skipped = await sheaf.run(body, {
      custom_id: 'given_name',
      on_invalid: 'skip',
      results_format: BOTH,
    });
    await checkAccounting(skipped);
    expect((await lines(skipped, 'all')).map((line) => [line.custom_id, ...codes([line])])).toEqual([
      ['007', 'succeeded'],
      ['b "2"', 'invalid_format'],
      [undefined, 'custom_id_missing'],
      ['007', 'custom_id_repeated'],
      ['ok', 'succeeded'],
    ]);
  });

  it('of NDJSON are found by their key path, numbers as they are written', async () => {
    const body =
      '{"learner_id":"l1","ref":{"no":12345678901234567890}}\n{"learner_id":"l2","ref":{"no":true}}';
    const batch = await sheaf.run(body, { custom_id: 'ref.no' });
    expect((await lines(batch, 'succeeded')).map((line) => line.custom_id)).toEqual([
      '12345678901234567890',
      'true',
    ]);
  });
});

describe('an input that is not what it was when the results are written', () => {
  const why = 'the private copy of the input is gone';
  let other: TestSheaf;
  let befalls: (key: string) => Promise<void>;

  beforeAll(async () => {
    other = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '2' }, { operations: [held.operation] });
    const { work } = other.services;
    const chunkLines = work.chunkLines;
    work.chunkLines = async function* (batchId) {
      const [row] = await other.sql`select input_key as key from batches where id = ${batchId}`;
      await befalls(row?.key as string);
      yield* chunkLines(batchId);
    };
    await other.startWorkers();
  });
  afterAll(() => other.close());

  const remove = (key: string) => other.services.objects.remove(key);
  const manifestOf = async (batch: BatchRow) => {
    const file = batch.results?.find(({ kind }) => kind === 'manifest');
    return JSON.parse((await other.object(file?.key ?? '')).toString());
  };

  it('fails the batch, which gets the files that need none, and a manifest that says what is left out', async () => {
    befalls = remove;
    const batch = await other.run(csv('g1,,,', 'g2,x,,', 'g3,,,'), {
      on_invalid: 'skip',
      results_format: BOTH,
    });
    expect(batch).toMatchObject({
      status: 'failed',
      failedFrom: 'writing_results',
      statusReason: { code: 'input_gone' },
      counts: { total: 3, succeeded: 2, failed: 1 },
    });
    expect(names(batch)).toEqual([
      ...[
        'all.ndjson',
        'succeeded.ndjson',
        'errors.ndjson',
        'errors.csv',
        'unprocessed.ndjson',
        'unprocessed.csv',
        'manifest.json',
      ],
    ]);
    const told = await manifestOf(batch);
    expect(told.files).toHaveLength(6);
    expect(told.omitted).toHaveLength(4);
    expect(told.omitted).toEqual(
      expect.arrayContaining([
        { kind: 'all', format: 'csv', why },
        { kind: 'succeeded', format: 'csv', why },
        { kind: 'failed', format: 'ndjson', why },
        { kind: 'failed', format: 'csv', why },
      ]),
    );
    expect(await other.lines(batch)).toHaveLength(3);
  });

  it('is noticed by its hash', async () => {
    befalls = (key) => other.services.objects.put(key, Buffer.from(csv('g5,,,', 'evil,,,', 'g6,,,')));
    const batch = await other.run(csv('g5,,,', 'good,,,', 'g6,,,'), { results_format: BOTH });
    expect(batch).toMatchObject({ status: 'failed', statusReason: { code: 'input_changed' } });
    const { omitted } = await manifestOf(batch);
    expect(omitted).toHaveLength(2);
    expect(omitted[0]).toMatchObject({ kind: 'all', format: 'csv' });
    expect(omitted[0].why).toMatch(/^bytes \d+–\d+ \(chunk 1\) are not what was hashed$/);
  });

  it('does not keep a batch from being cancelled', async () => {
    befalls = remove;
    let id = '';
    held.before = async ({ records }) => {
      const { batches } = other.account;
      if (records.includes(3)) await batches.change(id, { status: 'cancel' });
    };
    const handler = await other.upload('id\ng7\ng8\ng9\n');
    id = await other.submit(handler, { operation: 'hold', execution: 'serial', custom_id: 'id' });
    const batch = await other.ended(id);
    held.before = async () => undefined;
    expect(batch).toMatchObject({ status: 'cancelled', counts: { total: 3, succeeded: 2, unprocessed: 1 } });
    expect(await other.lines(batch)).toEqual([
      expect.objectContaining({ record: 1, custom_id: 'g7' }),
      expect.objectContaining({ record: 2, custom_id: 'g8' }),
      { record: 3, status: 'unprocessed' },
    ]);
    expect((await manifestOf(batch)).omitted).toEqual([
      { kind: 'all', format: 'ndjson', field: 'custom_id', why },
      { kind: 'unprocessed', format: 'ndjson', why },
      { kind: 'unprocessed', format: 'csv', why },
    ]);
  });

  it('is nothing to results that repeat nothing of it', async () => {
    befalls = remove;
    const batch = await other.run(csv('g10,,,', 'g11,,,', 'g12,,,'));
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 3 } });
    expect((await manifestOf(batch)).omitted).toEqual([]);
  });
});
