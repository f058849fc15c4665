import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readView } from '../../src/api/read-view.ts';
import type { Encoding, LineEnd } from '../../src/core/file-format.ts';
import type { ResultLine } from '../../src/core/result.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { type AwkwardRecord, awkwardRecords, FIELDS, storedOf } from '../support/awkward-learners.ts';
import {
  csvForm,
  type Form,
  gzipped,
  jsonForms,
  ndjsonForms,
  streamedXlsx,
  typedXlsx,
} from '../support/learner-forms.ts';
import { convert, csvFilter } from '../support/libreoffice.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** The same records in every form that people send: the same rows in the table, and the same results. */

let sheaf: TestSheaf;

beforeAll(async () => {
  // Several chunks of each file, and records that lie across the pieces in which it is read.
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '20' });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const NARROW = awkwardRecords({ wide: false });
const WIDE = awkwardRecords({ wide: true });
const learnersOf = (records: readonly AwkwardRecord[]) => records.map(({ learner }) => learner);

async function stored(): Promise<Record<string, string | null>[]> {
  const rows = await sheaf.sql<Record<string, string | null>[]>`
    select learner_id, email, given_name, family_name, birth_date::text, phone, country, score::text,
      to_char(joined_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as joined_at
    from learners order by learner_id collate "C"`;
  return [...rows];
}

const byId = (a: Record<string, string | null>, b: Record<string, string | null>) =>
  a.learner_id! < b.learner_id! ? -1 : 1;

/** What the results must say of the records, but for the words of a message. */
function expectedLine({ learner, broken }: AwkwardRecord, index: number): object {
  const record = index + 1;
  if (broken === undefined) {
    const output = { learner_id: learner.learner_id, action: 'created' };
    return { record, status: 'succeeded', output, attempts: 1 };
  }
  const { code, field, value } = broken;
  const place = { field, column: field, ...(code !== 'required' && { value }) };
  return { record, status: 'failed', error: { code, message: expect.any(String), ...place }, attempts: 0 };
}

/** All lines of the first form, with their messages: those of the others must be the same. */
const firstLines = new Map<AwkwardRecord[], ResultLine[]>();

async function expectSame({ name, bytes, read }: Form, records: AwkwardRecord[]): Promise<BatchRow> {
  await sheaf.sql`delete from learners`;
  const batch = await sheaf.run(bytes, { on_invalid: 'skip' });
  const failed = records.filter(({ broken }) => broken !== undefined).length;
  expect(batch, name).toMatchObject({
    status: 'completed',
    counts: { total: records.length, succeeded: records.length - failed, failed, skipped: 0, unprocessed: 0 },
  });
  expect(readView(batch), name).toMatchObject({ compression: null, ...read });
  expect(await stored(), name).toEqual(
    records
      .filter(({ broken }) => broken === undefined)
      .map(storedOf)
      .sort(byId),
  );
  const lines = await sheaf.lines(batch);
  expect(lines, name).toEqual(records.map(expectedLine));
  if (!firstLines.has(records)) firstLines.set(records, lines);
  expect(lines, name).toEqual(firstLines.get(records));
  return batch;
}

const expectSameGzippedToo = async (form: Form, records: AwkwardRecord[]) => {
  await expectSame(form, records);
  await expectSame(gzipped(form), records);
};

const DELIMITERS = [',', ';', '\t', '|'];
const LINES: LineEnd[] = ['lf', 'crlf', 'cr'];
const ENCODED: { encoding: Encoding; bom: boolean }[] = [
  { encoding: 'utf-8', bom: true },
  { encoding: 'utf-16le', bom: true },
  { encoding: 'utf-16be', bom: true },
  { encoding: 'utf-16le', bom: false },
  { encoding: 'windows-1252', bom: false },
];

describe('CSV', () => {
  it.each(DELIMITERS)('with %j and each line end', async (delimiter) => {
    for (const lineEnd of LINES) {
      const form = { delimiter, lineEnd, encoding: 'utf-8', bom: false } as const;
      await expectSameGzippedToo(csvForm(learnersOf(WIDE), form), WIDE);
    }
  });

  it.each(ENCODED)('in $encoding, BOM: $bom, with each line end', async ({ encoding, bom }) => {
    const records = encoding === 'windows-1252' ? NARROW : WIDE;
    for (const [index, lineEnd] of LINES.entries()) {
      const form = { delimiter: DELIMITERS[index + 1]!, lineEnd, encoding, bom };
      await expectSameGzippedToo(csvForm(learnersOf(records), form), records);
    }
  });
});

describe('NDJSON and JSON', () => {
  it.each([...ndjsonForms(learnersOf(WIDE)), ...jsonForms(learnersOf(WIDE))])('$name', async (form) => {
    await expectSameGzippedToo(form, WIDE);
  });
});

describe('XLSX', () => {
  it.each([true, false])('streamed by exceljs, shared strings: %s', async (shared) => {
    await expectSameGzippedToo(await streamedXlsx(learnersOf(WIDE), { shared }), WIDE);
  });

  it.each([true, false])('with numbers and dates in its cells, from 1904: %s', async (date1904) => {
    await expectSameGzippedToo(await typedXlsx(learnersOf(WIDE), { date1904 }), WIDE);
  });
});

const soffice = required('TEST_SOFFICE');

describe.skipIf(soffice.missing)(`what LibreOffice saves${soffice.reason}`, () => {
  const columns = (...names: (typeof FIELDS)[number][]) => names.map((name) => FIELDS.indexOf(name) + 1);

  it('as XLSX, from CSV of which it makes numbers and dates', async () => {
    const csv = csvForm(learnersOf(WIDE), { delimiter: ',', lineEnd: 'lf', encoding: 'utf-8', bom: false });
    const texts = columns(
      'learner_id',
      'email',
      'given_name',
      'family_name',
      'phone',
      'country',
      'joined_at',
    );
    const filter = csvFilter(texts);
    const bytes = await convert(soffice.value(), { extension: 'csv', bytes: csv.bytes, filter }, 'xlsx');
    await expectSameGzippedToo(
      { name: 'XLSX from CSV', bytes, read: { format: 'xlsx', date_system: 1900 } },
      WIDE,
    );
  });

  it.each([true, false])('as XLSX, from a workbook of exceljs with dates from 1904: %s', async (date1904) => {
    const { bytes } = await typedXlsx(learnersOf(WIDE), { date1904 });
    const saved = await convert(soffice.value(), { extension: 'xlsx', bytes }, 'xlsx');
    await expectSame(
      { name: 'XLSX from XLSX', bytes: saved, read: { format: 'xlsx', sheet: 'Learners' } },
      WIDE,
    );
  });

  it('as CSV, from a workbook of exceljs', async () => {
    const { bytes } = await streamedXlsx(learnersOf(WIDE), { shared: true });
    const saved = await convert(soffice.value(), { extension: 'xlsx', bytes }, 'csv');
    await expectSame({ name: 'CSV from XLSX', bytes: saved, read: { format: 'csv', delimiter: ',' } }, WIDE);
  });
});
