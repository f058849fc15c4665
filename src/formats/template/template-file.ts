import { PassThrough, Readable } from 'node:stream';
import { csvTemplate } from './csv.ts';
import type { TemplateFormat, TemplateTable } from './table.ts';
import { writeWorkbook } from './workbook.ts';

/** The bytes of a file to fill in. Whoever does not want them to the end destroys them. */
export function templateFile(format: TemplateFormat, table: TemplateTable): Readable {
  if (format === 'csv') return Readable.from(csvTemplate(table), { objectMode: false });
  const output = new PassThrough();
  // What it fails with destroys the output, whose reader hears of it there.
  writeWorkbook(table, output).catch(() => undefined);
  return output;
}
