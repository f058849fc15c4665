import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { type Encoding, type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import {
  type ConversionSource,
  type ConvertedFile,
  type ConvertOptions,
  convertFile,
} from '../../src/formats/convert/convert-file.ts';
import { refusedFile } from '../../src/formats/converted-file.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';

const LIMITS: ChunkLimits = { records: 5000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

export interface ConvertedOptions {
  pieceBytes?: number;
  format?: Partial<FileFormat>;
  known?: readonly string[];
  limits?: Partial<ChunkLimits>;
  encoding?: Encoding | null;
  unpackedBytes?: number;
  progress?: ConvertOptions['progress'];
}

export interface Converted {
  file: ConvertedFile;
  /** What was written. */
  bytes: Buffer;
  /** How often the file was converted. */
  times: number;
}

/** A file whose bytes come in pieces of one size. */
export function sourceOf(file: Buffer, pieceBytes = 1 << 16): ConversionSource {
  return {
    bytes: file.length,
    async read({ start, end } = { start: 0, end: file.length }) {
      return piecesOf(file.subarray(start, end), pieceBytes);
    },
    openScratch: tempFileScratch,
  };
}

export async function* piecesOf(file: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < file.length; at += pieceBytes) yield file.subarray(at, at + pieceBytes);
}

export function readingOptions({ format, known, limits }: ConvertedOptions) {
  return {
    format: { ...UNSTATED, ...format },
    known: new Set(known),
    limits: { ...LIMITS, ...limits },
  };
}

/** Converts a file as a batch does, with the encoding that the copying pass finds. */
export async function converted(file: Buffer, options: ConvertedOptions = {}): Promise<Converted> {
  const reading = readingOptions(options);
  const indexer = new FileIndexer(reading);
  indexer.push(file);
  const { conversion, fault } = indexer.finish();
  if (conversion === null && fault !== undefined) {
    return { file: refusedFile(fault), bytes: Buffer.alloc(0), times: 0 };
  }
  const known = { ...options, encoding: options.encoding ?? conversion?.encoding ?? null };
  const first = await convertedOnce(file, known);
  if (!('again' in first.outcome)) return { file: first.outcome, bytes: first.bytes, times: 1 };
  const second = await convertedOnce(file, { ...known, encoding: first.outcome.again });
  if ('again' in second.outcome) throw new Error('the encoding was not known the second time');
  return { file: second.outcome, bytes: second.bytes, times: 2 };
}

export async function convertedOnce(
  file: Buffer,
  options: ConvertedOptions,
): Promise<{ outcome: ConvertedFile | { again: Encoding }; bytes: Buffer }> {
  const pieces: Buffer[] = [];
  const outcome = await convertFile(
    sourceOf(file, options.pieceBytes),
    async (piece) => {
      pieces.push(piece);
    },
    {
      ...readingOptions(options),
      encoding: options.encoding ?? null,
      unpackedBytes: options.unpackedBytes ?? 1e12,
      progress: options.progress ?? (() => {}),
    },
  );
  return { outcome, bytes: Buffer.concat(pieces) };
}

/** The records of a converted file, as its chunks have them. */
export function recordLines({ file, bytes }: Converted): string[] {
  return file.chunks
    .flatMap(({ start, end }) => bytes.subarray(start, end).toString('latin1').split('\n'))
    .filter((line) => line.trim() !== '')
    .map((line) => Buffer.from(line, 'latin1').toString());
}
