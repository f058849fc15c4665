import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import { sampleLearners } from '../../src/cli/sample/learners.ts';
import { WorkbookWriter } from '../../src/formats/xlsx/write/workbook-writer.ts';

export const SAMPLE_FORMATS = ['csv', 'xlsx'] as const;
export type SampleFormat = (typeof SAMPLE_FORMATS)[number];

/** Bad records of a sample: rows that are broken as CSV, which a sheet cannot have. */
export const BAD = { csv: 317, xlsx: 0 } as const satisfies Record<SampleFormat, number>;

/** Writes so many sample learners as a file of this format, in flat memory. */
export async function writeSample(path: string, format: SampleFormat, records: number): Promise<void> {
  const text = Readable.from(sampleLearners({ records, seed: 1, bad: BAD[format] }));
  const output = createWriteStream(path);
  if (format === 'csv') return await pipeline(text, output);
  const rows: AsyncIterator<string[]> = text.pipe(parse())[Symbol.asyncIterator]();
  const header: string[] = (await rows.next()).value;
  const writer = new WorkbookWriter({
    output,
    openScratch: tempFileScratch,
    sheet: 'Learners',
    columns: header.map((name) => ({ name })),
    report: false,
  });
  for (let row = await rows.next(); !row.done; row = await rows.next()) await writer.row(row.value);
  await writer.finish();
}
