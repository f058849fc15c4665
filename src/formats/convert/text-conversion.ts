import type { ChunkLimits, ChunkRange } from '../../core/chunk.ts';
import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { type ConvertedFile, type Write, withoutOffset } from '../converted-file.ts';
import type { FileLayout } from '../description.ts';
import type { SniffedText } from '../detect/sniff-text.ts';
import { Utf8Watch } from '../detect/utf8-watch.ts';
import type { RecordIndex, RecordIndexer } from '../record-indexer.ts';
import { type SniffedRecords, textIndexer, textLayout } from '../text-indexer.ts';
import { decoderOf, lineMakerOf, TextSteps } from './text-steps.ts';

/** What a text was found to be. */
type Found = Exclude<SniffedText, { fault: FileFault }>;

interface Came {
  compression: FileLayout['compression'];
  encoding: Encoding;
  /** Whether that is certain before its last byte. */
  decided: boolean;
  /** So many bytes were before the text. */
  bomBytes: number;
}

/** Converts one text while its pieces pass by. */
export class TextConversion {
  readonly #text: Found;
  readonly #came: Came;
  readonly #write: Write;
  readonly #steps: TextSteps;
  readonly #indexer: RecordIndexer;
  readonly #watch: Utf8Watch | null;

  constructor(text: Found, came: Came, write: Write, limits: ChunkLimits) {
    this.#text = text;
    this.#came = came;
    this.#write = write;
    this.#steps = new TextSteps([...decoderOf(came.encoding), ...lineMakerOf(text)]);
    this.#indexer = textIndexer(convertedRecords(text), { limits, start: 0, encoding: came.encoding });
    this.#watch = came.encoding === 'utf-8' && !came.decided ? new Utf8Watch() : null;
  }

  /** The next bytes, after a byte order mark. */
  async take(piece: Buffer): Promise<void> {
    this.#watch?.push(piece);
    await this.#pass(this.#steps.push(piece));
  }

  /** Whether nothing can be read of what follows, or is to be. */
  get isOver(): boolean {
    return this.#steps.fault !== undefined || this.#indexer.isFull;
  }

  /** @param broken why the text is over before its end */
  async finish(broken: FileFault | undefined): Promise<ConvertedFile | { again: Encoding }> {
    await this.#pass(this.#steps.finish());
    if (this.#watch?.finish() === 'windows-1252') return { again: 'windows-1252' };
    // What comes after as many records as there may be says nothing, nor that it was not read to its end.
    const cut = this.#indexer.isFull ? undefined : (broken ?? this.#ownFault());
    const index = this.#indexer.finish(cut && cutOff(cut));
    const fault = cut ?? faultOfRecords(index, this.#text);
    const record = index.records === 0 ? {} : { record: index.records };
    const { compression, encoding, bomBytes } = this.#came;
    const came = { compression, encoding, bom: bomBytes > 0, marked: index.marked };
    return {
      ...index,
      chunks: index.chunks.map(inConverted),
      layout: layoutOf(this.#text, came),
      ...(fault && { fault: { ...record, ...fault } }),
    };
  }

  async #pass(lines: Buffer): Promise<void> {
    if (lines.length === 0) return;
    this.#indexer.scan(lines);
    await this.#write(lines);
  }

  /** What the steps found: their offsets are those of the file, unless it was unpacked. */
  #ownFault(): FileFault | undefined {
    const { fault } = this.#steps;
    if (fault?.offset === undefined) return fault;
    const { compression, bomBytes } = this.#came;
    return compression === null ? { ...fault, offset: fault.offset + bomBytes } : withoutOffset(fault);
  }
}

/** How the records of a text are told apart once it is converted. */
function convertedRecords(text: Found): SniffedRecords {
  if (text.type !== 'csv') return { type: 'ndjson' };
  const { lineEnd } = text.dialect;
  return { type: 'csv', dialect: { ...text.dialect, lineEnd: lineEnd === 'cr' ? 'lf' : lineEnd } };
}

function layoutOf(text: Found, came: Parameters<typeof textLayout>[1]): FileLayout {
  if (text.type !== 'json') return textLayout(text, came);
  const { compression, encoding, bom } = came;
  return { format: 'json', compression, encoding, bom };
}

function faultOfRecords(index: RecordIndex, text: Found): FileFault | undefined {
  if (index.fault === undefined) return undefined;
  if (index.records === 0 && text.type === 'json') {
    return { code: 'file_no_records', message: 'The array is empty' };
  }
  return withoutOffset(index.fault);
}

/** What the record is told that the file was cut in: where a last line end is missing, it may be whole all the same. */
function cutOff(cut: FileFault): FileFault {
  return { ...cut, message: `The end of the record may be missing. ${cut.message}` };
}

function inConverted(chunk: ChunkRange): ChunkRange {
  const { fault } = chunk;
  return fault === undefined ? chunk : { ...chunk, fault: withoutOffset(fault) };
}
