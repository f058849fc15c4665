import ExcelJS from 'exceljs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ResultFile } from '../../src/engine/ports/batch-results.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import {
  type AwkwardLearner,
  type AwkwardRecord,
  awkwardRecords,
  FIELDS,
} from '../support/awkward-learners.ts';
import { csvForm, typedXlsx } from '../support/learner-forms.ts';
import { convert } from '../support/libreoffice.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** A workbook of bad records comes back with its marked cells mended: everything else in it is as it was. */

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '20' });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());
beforeEach(async () => {
  await sheaf.sql`delete from learners`;
});

const FORMULAS: readonly string[] = [
  '=1+1',
  '=HYPERLINK("http://example.org","click")',
  "=cmd|' /C calc'!A0",
  '+49 170',
  '+1+1',
  '-5',
  '-2+3',
  '@x',
  '@SUM(A1)',
  "'=1+1",
  "''",
  "'apostrophe",
  '\t=1+1',
  '|x',
  '%x',
  '=',
  '-',
];

/** Good records whose names look like formulas, and a bad one. */
function formulaRecords(): AwkwardRecord[] {
  const nobody = Object.fromEntries(FIELDS.map((field) => [field, ''])) as AwkwardLearner;
  const good = FORMULAS.map((text, n) => ({
    learner: {
      ...nobody,
      learner_id: `f${n}`,
      given_name: text,
      family_name: text,
      phone: text.slice(0, 32),
    },
  }));
  const broken = { field: 'country', value: 'XX', code: 'not_allowed' } as const;
  return [...good, { learner: { ...nobody, learner_id: 'bad', given_name: '=bad', country: 'XX' }, broken }];
}

const RECORDS = [...awkwardRecords({ wide: true }), ...formulaRecords()];
const BAD = RECORDS.filter(({ broken }) => broken !== undefined);

async function resultBytes(batch: BatchRow, kind: ResultFile['kind'], format: string): Promise<Buffer> {
  const file = batch.results?.find((result) => result.kind === kind && result.format === format);
  if (file === undefined) throw new Error(`there is no ${kind} as ${format}`);
  return sheaf.object(file.key);
}

async function opened(bytes: Buffer): Promise<ExcelJS.Workbook> {
  const book = new ExcelJS.Workbook();
  await book.xlsx.load(bytes as unknown as ExcelJS.Buffer);
  return book;
}

interface MarkedCell {
  cell: ExcelJS.Cell;
  field: string;
  note: string;
}

function markedCells(sheet: ExcelJS.Worksheet): MarkedCell[] {
  const header = sheet.getRow(1);
  const marked: MarkedCell[] = [];
  sheet.eachRow({ includeEmpty: true }, (row) => {
    row.eachCell({ includeEmpty: true }, (cell, column) => {
      if (cell.note === undefined) return;
      marked.push({ cell, field: header.getCell(column).text, note: noteText(cell.note) });
    });
  });
  return marked;
}

function noteText(note: ExcelJS.Comment | string): string {
  return typeof note === 'string' ? note : (note.texts ?? []).map(({ text }) => text).join('');
}

/** What is put into a marked cell; of the broken records each has an id of its own. */
const MENDED: Partial<Record<string, (n: number) => string | number>> = {
  learner_id: (n) => `mended${n}`,
  email: (n) => `mended${n}@example.org`,
  birth_date: () => '2001-02-03',
  country: () => 'DE',
  score: () => 55.5,
  joined_at: () => '2026-01-31T08:00:00Z',
};

/** As a script mends it that knows nothing but the marks. */
async function mended(bytes: Buffer): Promise<Buffer> {
  const book = await opened(bytes);
  for (const [n, { cell, field }] of markedCells(book.worksheets[0]!).entries()) {
    const mend = MENDED[field];
    if (mend === undefined) throw new Error(`a cell of ${field} is marked`);
    cell.value = mend(n);
    cell.numFmt = 'General';
  }
  return Buffer.from(await book.xlsx.writeBuffer());
}

/** What must be stored of the records after they were mended, in the same order. */
function mendedLearners(records: readonly AwkwardRecord[]): AwkwardLearner[] {
  let n = 0;
  return records.map(({ learner, broken }) => {
    if (broken === undefined) return learner;
    const value = MENDED[broken.field]?.(n);
    n += 1;
    return { ...learner, [broken.field]: String(value) };
  });
}

async function storedNames(): Promise<Record<string, unknown>[]> {
  const rows = await sheaf.sql`
    select learner_id, email, given_name, family_name, phone, country, birth_date::text, score::float8 as score
    from learners order by learner_id collate "C"`;
  return [...rows];
}

const orNull = (text: string) => (text === '' ? null : text);

function expectedNames(learners: readonly AwkwardLearner[]): Record<string, unknown>[] {
  return learners
    .map(({ joined_at: _joined, score, ...texts }) => ({
      ...Object.fromEntries(Object.entries(texts).map(([field, text]) => [field, orNull(text)])),
      learner_id: texts.learner_id,
      score: score === '' ? null : Number(score),
    }))
    .sort((a, b) => (a.learner_id < b.learner_id ? -1 : 1));
}

const csvOf = (records: readonly AwkwardRecord[]) =>
  csvForm(
    records.map(({ learner }) => learner),
    { delimiter: ';', lineEnd: 'crlf', encoding: 'windows-1252', bom: false },
  ).bytes;

type Saved = (workbook: Buffer) => Promise<Buffer>;

function suite(saved: Saved) {
  async function expectAccepted(workbook: Buffer, records: readonly AwkwardRecord[]) {
    const batch = await sheaf.run(workbook);
    expect(batch).toMatchObject({
      status: 'completed',
      read: { format: 'xlsx', marked: true },
      counts: { total: records.length, succeeded: records.length, failed: 0, skipped: 0, unprocessed: 0 },
    });
  }

  it('the error report of a rejected workbook: all records, the bad cells marked', async () => {
    const { bytes } = await typedXlsx(
      RECORDS.map(({ learner }) => learner),
      { date1904: false },
    );
    const rejected = await sheaf.run(bytes, { results_format: ['xlsx'] });
    expect(rejected).toMatchObject({ status: 'validation_failed', counts: { failed: BAD.length } });
    const report = await saved(await resultBytes(rejected, 'errors', 'xlsx'));

    const [sheet, errors] = (await opened(report)).worksheets;
    expect(sheet!.actualRowCount).toBe(RECORDS.length + 1);
    const marked = markedCells(sheet!);
    expect(marked.map(({ cell, field }) => [Number(cell.row) - 1, field])).toEqual(
      RECORDS.flatMap(({ broken }, index) => (broken ? [[index + 1, broken.field]] : [])),
    );
    for (const { cell, note } of marked) {
      expect(note).toMatch(/\w{4}/);
      expect(cell.fill).toMatchObject({ type: 'pattern', pattern: 'solid' });
    }
    expect(errors!.name).toBe('Errors');
    expect(errors!.actualRowCount).toBe(BAD.length + 1);

    await expectAccepted(await mended(report), RECORDS);
    expect(await storedNames()).toEqual(expectedNames(mendedLearners(RECORDS)));
  });

  it('the failed records of a CSV file whose good ones were processed', async () => {
    const records = [...awkwardRecords({ wide: false }), ...formulaRecords()];
    const bad = records.filter(({ broken }) => broken !== undefined);
    const first = await sheaf.run(csvOf(records), { on_invalid: 'skip', results_format: ['xlsx'] });
    expect(first).toMatchObject({ status: 'completed', counts: { failed: bad.length } });

    await expectAccepted(await mended(await saved(await resultBytes(first, 'failed', 'xlsx'))), bad);
    const learners = mendedLearners(bad);
    const good = records.filter(({ broken }) => broken === undefined).map(({ learner }) => learner);
    expect(await storedNames()).toEqual(expectedNames([...good, ...learners]));
  });

  it('the unprocessed records of a rejected file', async () => {
    const rejected = await sheaf.run(csvOf(formulaRecords()), { results_format: ['xlsx'] });
    expect(rejected).toMatchObject({ status: 'validation_failed', counts: { unprocessed: FORMULAS.length } });

    const good = formulaRecords().filter(({ broken }) => broken === undefined);
    await expectAccepted(await saved(await resultBytes(rejected, 'unprocessed', 'xlsx')), good);
    expect(await storedNames()).toEqual(expectedNames(good.map(({ learner }) => learner)));
  });
}

describe('a workbook of results that is mended by a script', () => suite(async (workbook) => workbook));

const soffice = required('TEST_SOFFICE');

describe.skipIf(soffice.missing)(`a workbook of results that LibreOffice saved${soffice.reason}`, () => {
  suite((workbook) => convert(soffice.value(), { extension: 'xlsx', bytes: workbook }, 'xlsx'));

  it('holds nothing that LibreOffice computes', async () => {
    const rejected = await sheaf.run(csvOf(formulaRecords()), { results_format: ['xlsx', 'csv'] });
    for (const extension of ['xlsx', 'csv'] as const) {
      const bytes = await resultBytes(rejected, 'all', extension);
      const filter = extension === 'csv' ? 'CSV:59,34,76,1' : undefined;
      const saved = await convert(
        soffice.value(),
        { extension, bytes, ...(filter !== undefined && { filter }) },
        'xlsx',
      );
      const formulas: string[] = [];
      (await opened(saved)).worksheets[0]!.eachRow((row) =>
        row.eachCell((cell) => {
          if (cell.type === ExcelJS.ValueType.Formula) formulas.push(cell.formula);
        }),
      );
      expect(formulas, extension).toEqual([]);
    }
  });
});
