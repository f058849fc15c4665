import { type NumberFormat, numberFormat } from './number-format.ts';
import { asText } from './part-text.ts';
import { END, START, type XmlScanner } from './xml-scanner.ts';
import { eachToken } from './xml-tokens.ts';

/** The formats of cells, by the number that a cell has for its style; null for numbers that are shown as they are. */
export type Styles = readonly (NumberFormat | null)[];

/** Excel takes at most 64,000 of them. */
const MOST_STYLES = 65_536;

const CJK_DATE_OR_TIME = '[<1]h:mm:ss;yyyy/m/d';
/** Dates and times among the formats that have a number and no code (ECMA-376, 18.8.30), as far as they are told apart here. */
const BUILT_IN: readonly [number, NumberFormat | null][] = [
  ...numbered('yyyy-mm-dd', 14, 15, 16, 17),
  ...numbered('h:mm:ss', 18, 19, 20, 21, 45, 47),
  ...numbered('yyyy-mm-dd h:mm', 22),
  ...numbered('[h]:mm:ss', 46),
  // What these are depends on the language; some are times in one and dates in another.
  ...numbered('yyyy-mm-dd', 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58),
  ...numbered('h:mm:ss', 32, 33),
  ...numbered(CJK_DATE_OR_TIME, 34, 35, 55, 56),
];

function numbered(code: string, ...ids: number[]): [number, NumberFormat | null][] {
  return ids.map((id) => [id, numberFormat(code)]);
}

/** Reads `styles.xml`: which numbers are dates is said nowhere else. */
export async function readStyles(xml: XmlScanner): Promise<Styles> {
  const formats = new Map(BUILT_IN);
  const ids: number[] = [];
  let list = '';
  await eachToken(xml, (token) => {
    if (token === END && xml.depth === 2) list = '';
    if (token !== START) return;
    if (xml.depth === 2) list = xml.name;
    if (xml.depth !== 3) return;
    if (list === 'cellXfs' && xml.name === 'xf') ids.push(Number(xml.attribute('numFmtId') ?? 0));
    if (list === 'numFmts' && xml.name === 'numFmt') {
      formats.set(Number(xml.attribute('numFmtId')), numberFormat(asText(xml.attribute('formatCode') ?? '')));
    }
    if (Math.max(ids.length, formats.size) > MOST_STYLES) throw xml.damaged('has more styles than can be');
  });
  return ids.map((id) => formats.get(id) ?? null);
}
