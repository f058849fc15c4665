import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import { WorkbookWriter } from '../../src/formats/xlsx/write/workbook-writer.ts';
import { OPERATION } from './target.ts';

export const FORMATS = ['csv', 'ndjson', 'xlsx', 'csv.gz'] as const;
export const OPERATIONS = ['create_learner', OPERATION] as const;

/** A file that is like no other: its ids are not in any other one. */
export interface SourceFile {
  prefix: string;
  operation: (typeof OPERATIONS)[number];
  format: (typeof FORMATS)[number];
  records: number;
  /** Whether some of its records are invalid; of learners only. */
  withBad: boolean;
}

const BAD_EVERY = 100;
const BAD_AT = 17;

export const idOf = ({ prefix }: Pick<SourceFile, 'prefix'>, record: number) => `${prefix}-${record}`;

export const isBad = ({ operation, withBad }: SourceFile, record: number) =>
  withBad && operation === 'create_learner' && record % BAD_EVERY === BAD_AT;

export async function writeSource(path: string, file: SourceFile): Promise<void> {
  const columns = file.operation === OPERATION ? ['id'] : ['learner_id', 'email', 'given_name'];
  const rows = Array.from({ length: file.records }, (_, index) => rowOf(file, index + 1));
  if (file.format === 'xlsx') return await writeWorkbook(path, columns, rows);
  if (file.format === 'ndjson') {
    const lines = rows.map((row) =>
      JSON.stringify(Object.fromEntries(columns.map((name, n) => [name, row[n]]))),
    );
    return await writeFile(path, `${lines.join('\n')}\n`);
  }
  const text = `${[columns, ...rows].map((row) => row.join(',')).join('\n')}\n`;
  await writeFile(path, file.format === 'csv.gz' ? gzipSync(text) : text);
}

/** A bad learner has no e-mail address that can be one. */
function rowOf(file: SourceFile, record: number): string[] {
  const id = idOf(file, record);
  if (file.operation === OPERATION) return [id];
  return [id, isBad(file, record) ? 'nobody' : `${id}@example.org`, `Name ${record}`];
}

async function writeWorkbook(path: string, columns: string[], rows: string[][]): Promise<void> {
  const writer = new WorkbookWriter({
    output: createWriteStream(path),
    openScratch: tempFileScratch,
    sheet: 'Records',
    columns: columns.map((name) => ({ name })),
    report: false,
  });
  for (const row of rows) await writer.row(row);
  await writer.finish();
}
