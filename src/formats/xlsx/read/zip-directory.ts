import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, type ZipFile } from 'yauzl';
import { type Archive, ArchiveReader } from './archive.ts';
import { broken, damaged } from './broken.ts';

/** A workbook has a few dozen, and a picture each in the worst case. */
const MOST_ENTRIES = 65_536;
/** Names and remarks of that many files take far less; all of them are held. */
const LARGEST_DIRECTORY = 32 * 1024 * 1024;
const LOCAL_HEADER_BYTES = 30;

/** A file in an archive, as the archive's directory has it. */
export interface ZipEntry {
  name: string;
  /** 0: stored, 8: deflated. */
  method: number;
  packedBytes: number;
  unpackedBytes: number;
  crc32: number;
  encrypted: boolean;
  /** Where its local header begins, and where it and its bytes have to end: another begins there. */
  start: number;
  end: number;
}

/** The directory of a ZIP archive (APPNOTE 6.3.10), ZIP64 or not. Names of parts differ by more than case (OPC 6.2.2). */
export class ZipDirectory {
  readonly #reader: ArchiveReader;
  readonly #zip: ZipFile;
  readonly #entries = new Map<string, ZipEntry & { raw: Entry }>();
  readonly #repeated = new Set<string>();

  private constructor(reader: ArchiveReader, zip: ZipFile) {
    this.#reader = reader;
    this.#zip = zip;
  }

  static async read(archive: Archive): Promise<ZipDirectory> {
    const reader = new ArchiveReader(archive);
    const options = { lazyEntries: true, decodeStrings: false, autoClose: false };
    try {
      const zip = await fromRandomAccessReaderPromise(reader, archive.bytes, options);
      const directory = new ZipDirectory(reader, zip);
      await directory.#readEntries();
      return directory;
    } catch (error) {
      throw reasonOf(error, reader);
    }
  }

  get names(): string[] {
    return [...this.#entries.values()].map(({ name }) => name);
  }

  find(name: string): ZipEntry | undefined {
    const key = name.toLowerCase();
    if (this.#repeated.has(key)) throw damaged(`The archive holds two files named ${name}`);
    return this.#entries.get(key);
  }

  /** Where the packed bytes of an entry begin; its own header, just before them, must say the same of it. */
  async dataStart(entry: ZipEntry): Promise<number> {
    const { raw } = this.#entries.get(entry.name.toLowerCase())!;
    const header = await this.#zip.readLocalFileHeaderPromise(raw).catch((error: unknown) => {
      throw reasonOf(error, this.#reader);
    });
    const named = header.fileName.equals(raw.fileNameRaw) && header.compressionMethod === entry.method;
    const fits = header.fileDataStart + entry.packedBytes <= entry.end;
    if (!named || !fits) {
      throw damaged(`The directory of the archive and the file ${entry.name} in it do not go together`);
    }
    return header.fileDataStart;
  }

  async #readEntries(): Promise<void> {
    const all: ZipEntry[] = [];
    let bytes = 0;
    for await (const raw of this.#zip.eachEntry()) {
      bytes += raw.fileNameLength + raw.extraFieldLength + raw.fileCommentLength;
      if (bytes > LARGEST_DIRECTORY) {
        const message = `The directory of the archive has more than ${LARGEST_DIRECTORY} bytes; a workbook’s has far fewer`;
        throw broken('file_not_supported', message);
      }
      if (all.length === MOST_ENTRIES) {
        const message = `The archive holds more than ${MOST_ENTRIES} files; a workbook holds far fewer`;
        throw broken('file_not_supported', message);
      }
      all.push(this.#add(raw));
    }
    all.sort((a, b) => a.start - b.start);
    for (const [index, entry] of all.entries()) {
      entry.end = Math.min(all[index + 1]?.start ?? entry.end, entry.end);
      const least = entry.start + LOCAL_HEADER_BYTES + entry.packedBytes;
      if (least > entry.end) throw damaged(`The file ${entry.name} overlaps with others in the archive`);
    }
  }

  #add(raw: Entry): ZipEntry {
    const { generalPurposeBitFlag: flags } = raw;
    const name = getFileNameLowLevel(flags, raw.fileNameRaw, raw.extraFields, false).replace(/^\/+/, '');
    const entry = {
      raw,
      name,
      method: raw.compressionMethod,
      packedBytes: raw.compressedSize,
      unpackedBytes: raw.uncompressedSize,
      crc32: raw.crc32,
      encrypted: raw.isEncrypted(),
      start: raw.relativeOffsetOfLocalHeader,
      end: this.#zip.fileSize,
    };
    const key = name.toLowerCase();
    if (this.#entries.has(key)) this.#repeated.add(key);
    this.#entries.set(key, entry);
    return entry;
  }
}

const NO_DIRECTORY = /^End of central directory record signature not found/;
const ENCRYPTED = /encrypt/;
const BYTES_BEHIND = /^Invalid comment length/;

/** What yauzl or the store has thrown: the store's trouble goes on as it is. */
function reasonOf(error: unknown, reader: ArchiveReader): unknown {
  if (reader.trouble !== null) return reader.trouble.error;
  if (!(error instanceof Error) || error.name === 'BrokenFile') return error;
  if (NO_DIRECTORY.test(error.message)) {
    const message = 'The archive ends before its directory, which stands at its end; was it uploaded whole?';
    return broken('file_truncated', message);
  }
  if (ENCRYPTED.test(error.message)) {
    return broken('file_encrypted', 'The files in the archive are encrypted; save it without a password');
  }
  if (BYTES_BEHIND.test(error.message)) {
    return damaged('After the end of the archive there is something else; was something added to the file?');
  }
  // It may quote what stands in the archive.
  return damaged(`The archive cannot be read: ${error.message.replace(/\p{Cc}/gu, '\uFFFD')}`);
}
