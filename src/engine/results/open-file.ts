import { setImmediate as turn } from 'node:timers/promises';
import type { FileContent, TextContent, WorkbookContent } from '../../formats/results/file-content.ts';
import type { ResultChunk } from '../../formats/results/result-chunk.ts';
import type { OpenScratch } from '../../formats/scratch.ts';
import { WorkbookWriter } from '../../formats/xlsx/write/workbook-writer.ts';
import type { ResultFile } from '../ports/batch-results.ts';
import type { ResultFileWriter } from '../result-file.ts';

/** A result file that is being made, of one format or another. Between pieces of it the event loop turns. */
export interface OpenFile {
  content: FileContent;
  begin(): Promise<void>;
  /** @param records how many of the chunk it tells of */
  write(chunk: ResultChunk, records: number): Promise<void>;
  finish(): Promise<ResultFile>;
  abandon(reason: Error): Promise<void>;
}

export function openFile(content: FileContent, writer: ResultFileWriter, openScratch: OpenScratch): OpenFile {
  return content.format === 'xlsx' ? openWorkbook(content, writer, openScratch) : openText(content, writer);
}

function openText(content: TextContent, writer: ResultFileWriter): OpenFile {
  return {
    content,
    begin: () => writer.write(content.head, 0),
    async write(chunk, records) {
      let counted = 0;
      for (const piece of content.of(chunk)) {
        await writer.write(piece, records - counted);
        counted = records;
        // Leases are kept and requests answered while a long chunk is written.
        await turn();
      }
    },
    finish: () => writer.finish(),
    abandon: (reason) => writer.abandon(reason),
  };
}

/** Its rows wait for the compressor, which runs beside: that is when the event loop turns. */
function openWorkbook(
  content: WorkbookContent,
  writer: ResultFileWriter,
  openScratch: OpenScratch,
): OpenFile {
  const { sheet, columns, report } = content;
  const book = new WorkbookWriter({ output: writer.output(), openScratch, sheet, columns, report });
  return {
    content,
    begin: async () => {},
    async write(chunk, records) {
      for (const row of content.rows(chunk)) {
        await book.row(row.cells, row.marks);
        for (const broken of row.report) await book.report(broken);
      }
      writer.count(records);
    },
    async finish() {
      await book.finish();
      return await writer.finish();
    },
    async abandon(reason) {
      await Promise.all([book.abandon(reason), writer.abandon(reason)]);
    },
  };
}
