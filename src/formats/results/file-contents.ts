import type { ResultsFormat } from '../../core/batch.ts';
import type { InputDescription } from '../description.ts';
import { csvContents, rawRecords } from './csv-contents.ts';
import { type ContentOptions, FILE_KINDS, type FileContent } from './file-content.ts';
import { ndjsonContents } from './ndjson-contents.ts';
import { ResultTable } from './result-table.ts';
import { xlsxContents } from './xlsx-contents.ts';

/** The result files of a batch: each kind in each format, and the unprocessed records in the input's own besides. */
export function fileContents(options: ContentOptions): FileContent[] {
  const { description, formats, head } = options;
  const table = new ResultTable(description);
  const made = [...new Set([...formats, ownFormat(description)])].flatMap((format): FileContent[] => {
    const contents: FileContent[] = CONTENTS[format](table, options);
    return contents.filter(({ kind }) =>
      kind === 'unprocessed' ? head === undefined : formats.includes(format),
    );
  });
  if (head !== undefined && head !== null) made.push(rawRecords(description, head));
  return FILE_KINDS.flatMap((kind) => made.filter((content) => content.kind === kind));
}

const CONTENTS = { ndjson: ndjsonContents, csv: csvContents, xlsx: xlsxContents };

/** In which a file can be sent again. */
export function ownFormat({ format }: InputDescription): ResultsFormat {
  return format === 'json' ? 'ndjson' : format;
}
