import { createHash } from 'node:crypto';
import type { ChunkLimits } from '../core/chunk.ts';
import type { FileFault } from '../core/errors.ts';
import { type CsvDialect, RFC_4180 } from './csv/dialect.ts';
import { CsvIndexer } from './csv/index-pass.ts';
import { NdjsonIndexer } from './ndjson/index-pass.ts';
import type { RecordIndex, RecordIndexer } from './record-indexer.ts';
import { SNIFFED_BYTES, sniff } from './sniff.ts';

/** What the one pass over an uploaded file found out. */
export interface FileIndex extends RecordIndex {
  /** `null`: refused as neither. */
  format: 'csv' | 'ndjson' | null;
  /** Hex SHA-256 of all bytes. */
  sha256: string;
  bytes: number;
  /** Whether the file begins with a UTF-8 byte order mark, which is no part of the first record. */
  bom: boolean;
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NO_BYTES = Buffer.alloc(0);
const NOTHING: RecordIndex = { columns: null, records: 0, chunks: [] };

/**
 * Hashes an upload, tells its format by its content, and finds its records and chunks, in one streaming pass. Holds
 * offsets, the first `SNIFFED_BYTES` and one record, whatever the size of the file.
 */
export class FileIndexer {
  readonly #limits: ChunkLimits;
  readonly #dialect: CsvDialect;
  readonly #sha256 = createHash('sha256');
  #bytes = 0;
  /** The first bytes, held until there are enough to tell what the file is; null once that is told. */
  #head: Buffer | null = NO_BYTES;
  #bom = false;
  #format: FileIndex['format'] = null;
  #indexer: RecordIndexer | null = null;
  #fault: FileFault | undefined;

  /** @param options `dialect` is how cells are told apart if the file turns out to be CSV */
  constructor(options: { limits: ChunkLimits; dialect?: CsvDialect }) {
    this.#limits = options.limits;
    this.#dialect = options.dialect ?? RFC_4180;
  }

  /** Takes the next bytes of the file, as many as there are. They may be overwritten afterwards. */
  push(piece: Uint8Array): void {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.#sha256.update(bytes);
    this.#bytes += bytes.length;
    if (this.#head === null) {
      this.#indexer?.scan(bytes);
      return;
    }
    const head = Buffer.concat([this.#head, bytes]);
    if (head.length < SNIFFED_BYTES + BOM.length) this.#head = head;
    else this.#begin(head);
  }

  /** The file is over. */
  finish(): FileIndex {
    if (this.#head !== null) this.#begin(this.#head);
    return {
      ...(this.#indexer?.finish() ?? NOTHING),
      ...(this.#fault && { fault: this.#fault }),
      format: this.#format,
      sha256: this.#sha256.digest('hex'),
      bytes: this.#bytes,
      bom: this.#bom,
    };
  }

  #begin(head: Buffer): void {
    this.#head = null;
    this.#bom = head.subarray(0, BOM.length).equals(BOM);
    const start = this.#bom ? BOM.length : 0;
    const text = head.subarray(start);
    const { format, fault } = sniff(text.subarray(0, SNIFFED_BYTES));
    this.#format = format;
    if (fault) {
      this.#fault = { ...fault, offset: fault.offset + start };
      return;
    }
    const options = { limits: this.#limits, start };
    this.#indexer =
      format === 'ndjson'
        ? new NdjsonIndexer(options)
        : new CsvIndexer({ ...options, dialect: this.#dialect });
    this.#indexer.scan(text);
  }
}
