import type { FileFault } from '../core/errors.ts';
import type { Encoding } from '../core/file-format.ts';
import type { ReadingOptions } from './conversion.ts';
import type { FileLayout } from './description.ts';
import type { RecordIndex } from './record-indexer.ts';
import type { OpenScratch } from './scratch.ts';

/** The file that is converted, as often as it is needed, and room for what has to be kept meanwhile. */
export interface ConversionSource {
  bytes: number;
  /** The bytes of a range that is not empty, or all of them. */
  read(range?: { start: number; end: number }): Promise<AsyncIterable<Buffer>>;
  openScratch: OpenScratch;
}

export interface ConvertOptions extends ReadingOptions {
  /** What the copying pass, or an earlier conversion, has found; `null`: the content tells. */
  encoding: Encoding | null;
  /** So many bytes may come out of a container. */
  unpackedBytes: number;
  /** Told now and then how many bytes of the source were worked on. */
  progress(sourceBytes: number): void;
}

/** Takes the next bytes of the converted file, in time. The buffer stays as it is. */
export type Write = (piece: Buffer) => Promise<void>;

/** What was converted, by offsets of the converted file. */
export interface ConvertedFile extends RecordIndex {
  /** As what the file came; `null` where that could not be told. */
  layout: FileLayout | null;
}

/** A file of which nothing can be read. */
export function refusedFile(fault: FileFault): ConvertedFile {
  return { columns: null, marked: false, records: 0, chunks: [], layout: null, fault };
}

/** Of what was found in a converted file: its offsets say nothing to whoever has the file that came. */
export function withoutOffset<Fault extends { code: string; offset?: number }>(fault: Fault): Fault {
  const { offset: _, ...placed } = fault;
  return placed as Fault;
}
