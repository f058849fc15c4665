import type { ResultsFormat } from '../../src/core/batch.ts';
import type { RecordFault } from '../../src/core/chunk.ts';
import type { Field } from '../../src/core/field.ts';
import type { ResultLine } from '../../src/core/result.ts';
import { PLAIN_VALUES } from '../../src/core/value-rules.ts';
import {
  type CsvDescription,
  csvDescription,
  type InputDescription,
  type NdjsonDescription,
  type SheetDescription,
} from '../../src/formats/description.ts';
import { ChunkResults } from '../../src/formats/results/chunk-results.ts';
import { ClientChunk } from '../../src/formats/results/client-chunk.ts';
import type { FileContent, FileKind, SheetRow } from '../../src/formats/results/file-content.ts';
import { fileContents } from '../../src/formats/results/file-contents.ts';
import { ResultChunk } from '../../src/formats/results/result-chunk.ts';

const bound = (names: readonly string[]) => names.map((name) => ({ name, field: name }));

export const csv = (...names: string[]): CsvDescription =>
  csvDescription({ bom: false, columns: bound(names) });

/** A result file of ours that came back. */
export const markedCsv = (...names: string[]): CsvDescription => ({ ...csv(...names), marked: true });

export const ndjson = (...names: string[]): NdjsonDescription => ({
  ...{ format: 'ndjson', compression: null, encoding: 'utf-8', bom: false },
  ...{ columns: bound(names), mapping: {}, values: PLAIN_VALUES },
});

export const xlsx = (...names: string[]): SheetDescription => ({
  ...{ format: 'xlsx', compression: null, encoding: 'utf-8', bom: false, sheet: 'Learners' },
  ...{ dateSystem: 1900, headerRow: 1, marked: false, columns: bound(names), values: PLAIN_VALUES },
});

export interface Given {
  description: InputDescription;
  /** The bytes of the chunk, null where they were not read. */
  input: string | Buffer | null;
  lines: readonly ResultLine[];
  fault?: RecordFault;
  fields?: readonly Field[];
  customIds?: boolean;
  nothingProcessed?: boolean;
  head?: Buffer | null;
  cellBytes?: number;
}

export function contentsOf(given: Omit<Given, 'input' | 'lines'>, formats: readonly ResultsFormat[]) {
  const { description, fields = [], customIds = false, nothingProcessed = false, head } = given;
  return fileContents({
    ...{ description, formats, fields, withCustomIds: customIds, nothingProcessed },
    ...(head !== undefined && { head }),
  });
}

export function chunkOf({ description, input, lines, fault, cellBytes = 100 }: Given): ResultChunk {
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const first = lines[0]?.record ?? 1;
  const others = lines.some(({ status }) => status === 'succeeded') ? 'succeeded' : 'unprocessed';
  const results = new ChunkResults(bytes, { firstRecord: first, records: lines.length }, others);
  const place = { firstRecord: first, records: lines.length, start: 0, limits: { cellBytes } };
  const client =
    input === null ? null : new ClientChunk(Buffer.from(input as string), description, place, fault);
  return new ResultChunk(results, client);
}

const EVERY_FORMAT = ['ndjson', 'csv', 'xlsx'] as const;

function contentOf(kind: FileKind, format: ResultsFormat, given: Given): FileContent {
  const content = contentsOf(given, EVERY_FORMAT).find((it) => it.kind === kind && it.format === format);
  if (content === undefined) throw new Error(`there is no ${kind}.${format}`);
  return content;
}

/** What a text file of this kind holds of one chunk, its head first. */
export function textOf(kind: FileKind, format: 'ndjson' | 'csv', given: Given): string {
  const content = contentOf(kind, format, given);
  if (content.format === 'xlsx') throw new Error('a workbook is no text');
  const pieces = [content.head, ...content.of(chunkOf(given))];
  return Buffer.concat(pieces.map((it) => Buffer.from(it as string))).toString();
}

/** The names of the columns of a workbook of this kind, and its rows of one chunk. */
export function sheetOf(kind: FileKind, given: Given): { names: string[]; rows: SheetRow[]; sheet: string } {
  const content = contentOf(kind, 'xlsx', given);
  if (content.format !== 'xlsx') throw new Error('a text is no workbook');
  return {
    names: content.columns.map(({ name }) => name),
    rows: [...content.rows(chunkOf(given))],
    sheet: content.sheet,
  };
}
