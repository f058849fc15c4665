import { type ZipFile, zipOf } from './xlsx-zip.ts';

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const MAIN_TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml';

/** A workbook written by hand. Whole parts can be given, or what stands in them; null leaves a part out. */
export interface Book {
  /** What stands in `sheetData` of the first sheet, or the whole part. */
  rows?: string;
  sheet?: string | null;
  /** The `si` elements, or the whole part. */
  strings?: string;
  sharedStrings?: string | null;
  /** Number formats by id, and the format of each style. */
  formats?: Record<number, string>;
  styleIds?: readonly number[];
  styles?: string | null;
  workbook?: string;
  workbookPr?: string;
  sheets?: string;
  mainType?: string;
  types?: string | null;
  relationships?: string | null;
  workbookRelationships?: string;
  /** Further files, and what is odd about those that are there already. */
  files?: readonly ZipFile[];
  odd?: Record<string, Partial<ZipFile>>;
}

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';

export function relationship(id: string, type: string, target: string): string {
  return `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
}

/** A whole worksheet. */
export function sheetOf(rows: string): string {
  return `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>${rows}</sheetData></worksheet>`;
}

export function bookFiles(book: Book): ZipFile[] {
  const parts: [string, string | null][] = [
    ['[Content_Types].xml', book.types === undefined ? typesOf(book) : book.types],
    [
      '_rels/.rels',
      book.relationships === undefined
        ? relationshipsOf(relationship('rId1', 'officeDocument', 'xl/workbook.xml'))
        : book.relationships,
    ],
    ['xl/workbook.xml', book.workbook ?? workbookOf(book)],
    ['xl/_rels/workbook.xml.rels', relationshipsOf(book.workbookRelationships ?? LINKS)],
    ['xl/worksheets/sheet1.xml', book.sheet === undefined ? sheetOf(book.rows ?? '') : book.sheet],
    ['xl/sharedStrings.xml', book.sharedStrings === undefined ? stringsOf(book) : book.sharedStrings],
    ['xl/styles.xml', book.styles === undefined ? stylesOf(book) : book.styles],
  ];
  const files = parts.flatMap(([name, data]) => (data === null ? [] : [{ name, data }]));
  return [...files, ...(book.files ?? [])].map((file) => ({ ...file, ...book.odd?.[file.name] }));
}

export function bookOf(book: Book): Buffer {
  return zipOf(bookFiles(book));
}

const LINKS = [
  relationship('rId1', 'worksheet', 'worksheets/sheet1.xml'),
  relationship('rId2', 'sharedStrings', 'sharedStrings.xml'),
  relationship('rId3', 'styles', 'styles.xml'),
].join('');

function relationshipsOf(links: string): string {
  return `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${links}</Relationships>`;
}

function typesOf({ mainType = MAIN_TYPE }: Book): string {
  return `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${mainType}"/></Types>`;
}

function workbookOf({
  workbookPr = '',
  sheets = '<sheet name="Data" sheetId="1" r:id="rId1"/>',
}: Book): string {
  return `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}">${workbookPr}<sheets>${sheets}</sheets></workbook>`;
}

function stringsOf({ strings = '' }: Book): string {
  return `${HEAD}<sst xmlns="${MAIN}">${strings}</sst>`;
}

function stylesOf({ formats = {}, styleIds = [0] }: Book): string {
  const codes = Object.entries(formats).map(
    ([id, code]) => `<numFmt numFmtId="${id}" formatCode="${escaped(code)}"/>`,
  );
  const styles = styleIds.map((id) => `<xf numFmtId="${id}" fontId="0"/>`);
  return `${HEAD}<styleSheet xmlns="${MAIN}"><numFmts>${codes.join('')}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>${styles.join('')}</cellXfs></styleSheet>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
