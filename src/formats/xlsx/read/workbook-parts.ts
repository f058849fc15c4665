import type { Archive } from './archive.ts';
import { broken, damaged } from './broken.ts';
import { partText } from './part-text.ts';
import { checkEntry, type UnpackOptions, unpacked } from './unpack.ts';
import { START, XmlScanner } from './xml-scanner.ts';
import { eachToken } from './xml-tokens.ts';
import type { ZipDirectory, ZipEntry } from './zip-directory.ts';

/** Where a part of a package says that another is. */
export interface Relationship {
  id: string;
  /** The end of its type, `worksheet`: what stands before it differs between strict and other workbooks. */
  type: string;
  /** Path in the archive. */
  target: string;
}

/** A workbook has one for each sheet, and a few more. */
const MOST_RELATIONSHIPS = 65_536;
/** Of parts that list other parts, which are held in memory. */
const LARGEST_LIST = 16 * 1024 * 1024;

/** The parts of a package in their archive (ECMA-376, part 2). */
export class WorkbookParts {
  readonly #archive: Archive;
  readonly #zip: ZipDirectory;
  readonly #unpackedBytes: number;
  readonly #counted = new Set<ZipEntry>();
  #left: number;

  /** @param unpackedBytes as many as all parts that are read may have together */
  constructor(archive: Archive, zip: ZipDirectory, unpackedBytes: number) {
    this.#archive = archive;
    this.#zip = zip;
    this.#unpackedBytes = unpackedBytes;
    this.#left = unpackedBytes;
  }

  find(path: string): ZipEntry | undefined {
    return this.#zip.find(path);
  }

  /** Begins to read a part; it may be read several times. */
  open(path: string, options?: UnpackOptions): XmlScanner {
    const entry = this.find(path);
    if (entry === undefined) throw damaged(`The workbook has a part ${path} that is not in the archive`);
    checkEntry(entry, this.#unpackedBytes);
    if (!this.#counted.has(entry)) {
      this.#counted.add(entry);
      this.#left -= entry.unpackedBytes;
    }
    if (this.#left < 0) {
      const message = `The workbook unpacks to more than the limit of ${this.#unpackedBytes} bytes`;
      throw broken('file_bomb', message);
    }
    return new XmlScanner(path, partText(path, unpacked(this.#archive, this.#zip, entry, options)));
  }

  /** Begins to read a part that lists others. */
  openList(path: string): XmlScanner {
    const { unpackedBytes = 0 } = this.find(path) ?? {};
    if (unpackedBytes <= LARGEST_LIST) return this.open(path);
    throw damaged(
      `${path} in the workbook has ${unpackedBytes} bytes; at most ${LARGEST_LIST} are read of it`,
    );
  }

  /** The relationships of a part, or of the whole package: `''`. Links to other places than the archive are left out. */
  async relationships(path: string): Promise<Relationship[]> {
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash + 1);
    const own = `${folder}_rels/${path.slice(slash + 1)}.rels`;
    const found: Relationship[] = [];
    if (this.find(own) === undefined) return found;
    const xml = this.openList(own);
    await eachToken(xml, (token) => {
      if (token !== START || xml.name !== 'Relationship') return;
      const [id, type, target] = [xml.attribute('Id'), xml.attribute('Type'), xml.attribute('Target')];
      if (id === null || type === null || target === null) throw xml.damaged('has half a relationship');
      if (xml.attribute('TargetMode') === 'External') return;
      if (found.length === MOST_RELATIONSHIPS) throw xml.damaged('has more relationships than can be');
      found.push({ id, type: type.slice(type.lastIndexOf('/') + 1), target: this.#resolved(folder, target) });
    });
    return found;
  }

  /** What each part is, by the package’s list of types. */
  async contentTypes(): Promise<ContentTypes> {
    const types = new ContentTypes();
    const xml = this.openList(CONTENT_TYPES);
    await eachToken(xml, (token) => {
      if (token !== START || xml.depth !== 2) return;
      const type = xml.attribute('ContentType') ?? '';
      if (xml.name === 'Default') types.ofExtension.set(lower(xml.attribute('Extension')), type);
      if (xml.name === 'Override')
        types.ofPart.set(lower(xml.attribute('PartName')).replace(/^\//, ''), type);
      if (types.ofPart.size > MOST_RELATIONSHIPS) throw xml.damaged('lists more parts than can be');
    });
    return types;
  }

  /** Targets are relative to the folder of their part, or begin with a slash; some programs escape them, some do not. */
  #resolved(folder: string, target: string): string {
    const full = target.startsWith('/') ? target : `${folder}${target}`;
    const segments: string[] = [];
    for (const segment of full.replaceAll('\\', '/').split('/')) {
      if (segment === '..') segments.pop();
      else if (segment !== '' && segment !== '.') segments.push(segment);
    }
    const path = segments.join('/');
    return this.find(path) === undefined ? unescaped(path) : path;
  }
}

export const CONTENT_TYPES = '[Content_Types].xml';

class ContentTypes {
  readonly ofPart = new Map<string, string>();
  readonly ofExtension = new Map<string, string>();

  of(path: string): string {
    const extension = path.slice(path.lastIndexOf('.') + 1);
    return this.ofPart.get(lower(path)) ?? this.ofExtension.get(lower(extension)) ?? '';
  }
}

function lower(text: string | null): string {
  return (text ?? '').toLowerCase();
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
