import { createHash } from 'node:crypto';
import type { FileFault } from '../core/errors.ts';
import type { Encoding } from '../core/file-format.ts';
import type { Conversion, ReadingOptions } from './conversion.ts';
import type { FileLayout } from './description.ts';
import { FIRST_BYTES, HEAD_BYTES } from './detect/head.ts';
import { sniffBytes } from './detect/sniff-bytes.ts';
import { sniffText } from './detect/sniff-text.ts';
import { Utf8Watch } from './detect/utf8-watch.ts';
import type { RecordIndex, RecordIndexer } from './record-indexer.ts';
import { type SniffedRecords, textIndexer, textLayout } from './text-indexer.ts';

/** What the one pass over an uploaded file found out. */
export interface FileIndex extends RecordIndex {
  /** Hex SHA-256 of all bytes. */
  sha256: string;
  bytes: number;
  /** As what it was read; `null` where it was refused or has to be converted first. */
  layout: FileLayout | null;
  /** Set where its records cannot be cut out as they are: then nothing else is known of it but hash and length. */
  conversion: Conversion | null;
}

const NOTHING: RecordIndex = { columns: null, marked: false, records: 0, chunks: [] };

/**
 * Hashes an upload, tells by its content what it is, and finds its records and chunks, in one streaming pass. Holds
 * offsets, the first bytes and one header row, whatever the size of the file.
 */
export class FileIndexer {
  readonly #options: ReadingOptions;
  readonly #sha256 = createHash('sha256');
  #bytes = 0;
  /** The first bytes, held until there are enough to tell what the file is; null once that is told. */
  #head: Buffer | null = Buffer.allocUnsafe(FIRST_BYTES);
  /** Set where the file is text of this encoding, or of whichever `#watch` finds. */
  #encoding: Encoding | null = null;
  #watch: Utf8Watch | null = null;
  #bom = false;
  /** Set where records can be cut out of the bytes as they are. */
  #records: SniffedRecords | null = null;
  #indexer: RecordIndexer | null = null;
  #fault: FileFault | undefined;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** Takes the next bytes of the file, as many as there are. They may be overwritten afterwards. */
  push(piece: Uint8Array): void {
    let bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.#sha256.update(bytes);
    if (this.#head !== null) {
      const held = Math.min(this.#bytes, this.#head.length);
      const taken = bytes.copy(this.#head, held);
      this.#bytes += taken;
      bytes = bytes.subarray(taken);
      if (this.#bytes === this.#head.length) this.#begin(this.#head, false);
    }
    this.#bytes += bytes.length;
    if (this.#head === null) this.#pass(bytes);
  }

  /** The file is over. */
  finish(): FileIndex {
    if (this.#head !== null) this.#begin(this.#head.subarray(0, this.#bytes), true);
    const file = { sha256: this.#sha256.digest('hex'), bytes: this.#bytes };
    if (this.#fault) return { ...NOTHING, ...file, fault: this.#fault, layout: null, conversion: null };
    const conversion = this.#conversion();
    if (conversion !== null || this.#indexer === null || this.#records === null) {
      return { ...NOTHING, ...file, layout: null, conversion };
    }
    const index = this.#indexer.finish();
    const came = { compression: null, encoding: 'utf-8', bom: this.#bom, marked: index.marked } as const;
    return { ...index, ...file, layout: textLayout(this.#records, came), conversion: null };
  }

  #pass(bytes: Buffer): void {
    this.#watch?.push(bytes);
    if (this.#indexer?.isFull === false) this.#indexer.scan(bytes);
  }

  #begin(head: Buffer, atEnd: boolean): void {
    this.#head = null;
    const { format, known, limits } = this.#options;
    const sniffed = sniffBytes(head.subarray(0, HEAD_BYTES), format);
    this.#fault = sniffed.fault;
    if (sniffed.encoding === undefined) return;
    this.#encoding = sniffed.encoding;
    if (sniffed.encoding !== 'utf-8') return;
    this.#bom = sniffed.bomBytes > 0;
    if (!this.#bom && format.encoding === undefined) this.#watch = new Utf8Watch();
    const text = head.subarray(sniffed.bomBytes);
    const whole = atEnd && text.length <= HEAD_BYTES;
    const seen = sniffText(text.subarray(0, HEAD_BYTES), { atEnd: whole, format, known });
    this.#fault = seen.fault && { ...seen.fault, offset: (seen.fault.offset ?? 0) + sniffed.bomBytes };
    if (seen.type === 'ndjson' || (seen.type === 'csv' && seen.dialect.lineEnd !== 'cr')) {
      this.#records = seen;
      this.#indexer = textIndexer(seen, { limits, start: sniffed.bomBytes });
    }
    this.#pass(text);
  }

  /** What has to be converted, once all bytes were seen; `null` where nothing has. */
  #conversion(): Conversion | null {
    const verdict = this.#watch?.finish();
    const encoding = verdict === 'windows-1252' ? verdict : this.#encoding;
    return encoding === 'utf-8' && this.#indexer !== null ? null : { encoding };
  }
}
