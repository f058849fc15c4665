import { PassThrough, Readable } from 'node:stream';
import { csvTemplate } from './csv.ts';
import type { TemplateFormat, TemplateTable } from './table.ts';
import { writeWorkbook } from './workbook.ts';

/** The bytes of a file to fill in. Whoever does not want them to the end destroys them. */
export function templateFile(format: TemplateFormat, table: TemplateTable): Readable {
  if (format === 'csv') return Readable.from(csvTemplate(table), { objectMode: false });
  const output = new PassThrough();
  // Whoever reads it hears of what went wrong.
  writeWorkbook(table, output).catch((error: Error) => output.destroy(error));
  return output;
}
