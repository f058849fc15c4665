import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/api/schemas/batch.ts';
import { batchExample } from '../../src/api/schemas/batch-example.ts';
import { countFailures } from '../../src/cli/failures.ts';
import {
  fitted,
  formatBytes,
  formatDuration,
  formatRate,
  formatRecords,
  formatTimeLeft,
  visible,
  wrapped,
} from '../../src/cli/format.ts';
import { NO_COLOURS } from '../../src/cli/paint.ts';
import { readInWords } from '../../src/cli/read-in-words.ts';
import { inWords, summaryLines } from '../../src/cli/summary.ts';

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [61_040, '61.0 kB'],
    [999_960, '1.0 MB'],
    [12_034_567, '12.0 MB'],
    [5e9, '5.0 GB'],
    [5e15, '5000.0 TB'],
  ])('%d bytes', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [-1, '0.0 s'],
    [0.04, '0.0 s'],
    [3.44, '3.4 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3599.7, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [360_000, '100 h 00 min'],
  ])('%d seconds', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  test.each<[[number, number], string]>([
    [[0, 0], '0 s left'],
    [[1, 2], '1–2 s left'],
    [[2, 2], '2 s left'],
    [[40, 120], '40 s–2 min left'],
    [[100, 110], '2 min left'],
    [[7200, 10_800], '2–3 h left'],
  ])('%j left', (range, text) => {
    expect(formatTimeLeft(range)).toBe(text);
  });

  test('rates have three digits', () => {
    expect(formatRate(51_234, 'records')).toBe('51,200/s');
    expect(formatRate(0.4567, 'records')).toBe('0.46/s');
    expect(formatRate(139_012_345, 'bytes')).toBe('139.0 MB/s');
  });

  test('one record is no records', () => {
    expect([0, 1, 2000].map(formatRecords)).toEqual(['0 records', '1 record', '2,000 records']);
  });
});

describe('foreign text', () => {
  test('cannot act on the terminal', () => {
    expect(visible('a\u001b[31mb\nc\u0007\u009b\u202e')).toBe('a\\u001b[31mb\\nc\\u0007\\u009b\\u202e');
    expect(visible('Ångström 🦊 名前')).toBe('Ångström 🦊 名前');
  });

  test('is broken between words', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapped('one verylongword two', 7)).toEqual(['one', 'verylongword', 'two']);
    expect(wrapped('', 7)).toEqual(['']);
  });

  test('is cut between characters', () => {
    expect(fitted('🦊🦊🦊', 3)).toBe('🦊🦊🦊');
    expect(fitted('🦊🦊🦊🦊', 3)).toBe('🦊🦊…');
  });
});

describe('the error report', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sheaf-summary-test-'));
  });
  afterAll(async () => await rm(directory, { recursive: true }));

  const failedLine = (record: number, code: string, value?: string) =>
    JSON.stringify({
      record,
      status: 'failed',
      error: { code, message: 'must be given', value },
      attempts: 0,
    });

  test('is counted by code, most frequent first, with the first record of each', async () => {
    const path = join(directory, 'errors.ndjson');
    const lines = [failedLine(2, 'required'), failedLine(3, 'too_long'), failedLine(9, 'too_long')];
    await writeFile(path, `${lines.join('\n')}\n`);
    const { codes } = await countFailures(path);
    expect(codes.map(({ code, records, first }) => [code, records, first.record])).toEqual([
      ['too_long', 2, 3],
      ['required', 1, 2],
    ]);
  });

  test('holds one line a record whatever the values hold, and however the reads cut them', async () => {
    const path = join(directory, 'odd.ndjson');
    const value = '\u2028名\u0085🦊'.repeat(3000);
    const lines = Array.from({ length: 40 }, (_, index) => failedLine(index + 1, 'too_long', value));
    await writeFile(path, lines.join('\n'));
    const { codes } = await countFailures(path);
    expect(codes).toMatchObject([{ records: 40, first: { error: { value } } }]);
  });

  test('may be empty', async () => {
    const path = join(directory, 'none.ndjson');
    await writeFile(path, '');
    expect(await countFailures(path)).toEqual({ codes: [] });
  });
});

describe('errors in plain words', () => {
  const error = { code: 'invalid_format', message: 'must be a date such as 1999-12-31' };

  test.each([
    [
      { ...error, field: 'birth_date', column: 'Born', value: '31.12.1999' },
      'record 1,331, Born: "31.12.1999" must be a date such as 1999-12-31',
    ],
    [
      { code: 'required', message: 'must be given', field: 'learner_id' },
      'record 1,331, learner_id: must be given',
    ],
    [
      { code: 'email_taken', message: 'Another learner has it', value: 'a@b.c' },
      'record 1,331: Another learner has it ("a@b.c")',
    ],
    [{ ...error, value: 'x\u001b[2J' }, 'record 1,331: "x\\u001b[2J" must be a date such as 1999-12-31'],
    [
      { ...error, value: '0'.repeat(65) },
      `record 1,331: "${'0'.repeat(31)}…" must be a date such as 1999-12-31`,
    ],
  ])('%j', (it, text) => {
    expect(inWords({ record: 1331, error: it })).toBe(text);
  });
});

describe('as what a file was read', () => {
  const csv = (batchExample as unknown as Batch).read!;
  const { format: _format, delimiter: _delimiter, line_end: _end, header_row: _row, ...rest } = csv;

  test.each<[NonNullable<Batch['read']>, string]>([
    [{ ...csv, encoding: 'windows-1252' }, 'CSV in windows-1252, delimiter ";"'],
    [{ ...csv, delimiter: '\t', header_row: 3 }, 'CSV in utf-8, delimiter "\\t", header in row 3'],
    [{ ...csv, delimiter: ',', header_row: 0 }, 'CSV in utf-8, delimiter ",", no header'],
    [{ ...csv, compression: 'gzip' }, 'CSV in utf-8, gzipped, delimiter ";"'],
    [{ ...rest, format: 'ndjson' }, 'NDJSON in utf-8'],
    [{ ...rest, format: 'json', encoding: 'utf-16be' }, 'a JSON array in utf-16be'],
    [
      { ...rest, format: 'xlsx', sheet: 'A\u001b[2J', header_row: 2 },
      'XLSX, sheet "A\\u001b[2J", header in row 2',
    ],
  ])('%j', (read, words) => {
    expect(readInWords(read)).toBe(words);
  });
});

describe('the summary', () => {
  const completed: Batch = {
    ...(batchExample as unknown as Batch),
    status: 'completed',
    created_ts: 100,
    statuses: [
      { status: 'new', ts: 100 },
      { status: 'completed', ts: 104 },
    ],
    counts: { total: 100_000, succeeded: 99_683, failed: 317, skipped: 0, unprocessed: 0 },
    progress: null,
  };
  const failure = (code: string, records: number, record: number) => ({
    code,
    records,
    first: { record, error: { code, message: 'must be given', field: 'learner_id' } },
  });
  const files = [
    { path: './sheaf-demo/learners/all.ndjson', kind: 'all', bytes: 8_912_345, records: 100_000 },
    { path: './sheaf-demo/learners/manifest.json', kind: 'manifest', bytes: 612, records: 100_000 },
  ];

  test('of a completed batch', () => {
    const failures = { codes: [failure('too_long', 200, 31), failure('required', 117, 5)] };
    expect(summaryLines({ batch: completed, failures, files }, 100, NO_COLOURS)).toEqual([
      '',
      '  completed: 100,000 records in 4.0 s, 25,000/s from the request to the results',
      '  read as CSV in utf-8, delimiter ";"',
      '',
      '  records     100,000',
      '  succeeded    99,683',
      '  failed          317',
      '    too_long      200',
      '    required      117',
      '',
      '  For example',
      '  record 31, learner_id: must be given',
      '  record 5, learner_id: must be given',
      '',
      '  Results',
      '  ./sheaf-demo/learners/all.ndjson     100,000 records  8.9 MB',
      '  ./sheaf-demo/learners/manifest.json                    612 B',
      '',
    ]);
  });

  test('shows twelve codes and adds up the others, and three examples', () => {
    const codes = Array.from({ length: 15 }, (_, index) => failure(`code_${index}`, 20 - index, index + 1));
    const lines = summaryLines({ batch: completed, failures: { codes }, files: [] }, 100, NO_COLOURS);
    expect(lines.filter((line) => line.startsWith('    code_'))).toHaveLength(12);
    expect(lines.find((line) => line.includes('3 other codes'))).toMatch(/ 21$/);
    expect(lines.filter((line) => line.startsWith('  record '))).toHaveLength(3);
    expect(lines.join('\n')).not.toContain('Results');
  });

  test('of a batch that ended otherwise: why, where, and what was not done', () => {
    const batch: Batch = {
      ...completed,
      status: 'validation_failed',
      status_reason: {
        code: 'file_unclosed_quote',
        message: 'A quote is never closed',
        record: 7,
        offset: 12_345,
      },
      counts: { total: 7, succeeded: 0, failed: 1, skipped: 0, unprocessed: 6 },
    };
    const lines = summaryLines({ batch, failures: { codes: [] }, files: [] }, 100, NO_COLOURS);
    expect(lines.slice(1)).toEqual([
      '  validation_failed after 4.0 s',
      '  file_unclosed_quote: A quote is never closed (record 7, byte 12,345)',
      '  read as CSV in utf-8, delimiter ";"',
      '',
      '  records      7',
      '  succeeded    0',
      '  failed       1',
      '  unprocessed  6',
      '',
    ]);
  });

  test('of a batch whose records were never counted', () => {
    const reason = { code: 'hash_mismatch', message: 'The SHA-256 differs', record: 0 };
    const batch: Batch = {
      ...completed,
      status: 'hash_mismatch',
      status_reason: reason,
      read: null,
      counts: { ...completed.counts, total: null },
    };
    expect(summaryLines({ batch, failures: { codes: [] }, files: [] }, 100, NO_COLOURS)).toEqual([
      '',
      '  hash_mismatch after 4.0 s',
      '  hash_mismatch: The SHA-256 differs (the header row)',
      '',
    ]);
  });
});
