import { shortened } from '../../../core/result.ts';
import { broken } from './broken.ts';
import type { DateSystem } from './cell-date.ts';
import { asText } from './part-text.ts';
import type { Relationship, WorkbookParts } from './workbook-parts.ts';
import { START, type XmlScanner } from './xml-scanner.ts';
import { eachToken } from './xml-tokens.ts';

/** What the main part of a workbook says. */
export interface Workbook {
  dateSystem: DateSystem;
  /** Whether formulas are to be computed when it is opened: the values that it holds for them do not count. */
  isStale: boolean;
  sheets: readonly Sheet[];
  /** Paths of parts that belong to the whole workbook, which may have none of them. */
  sharedStrings: string | undefined;
  styles: string | undefined;
}

interface Sheet {
  name: string;
  hidden: boolean;
  /** `worksheet`, or `chartsheet` and others, which have no cells. */
  type: string;
  path: string;
}

const MOST_SHEETS = 65_536;
const MOST_SHOWN = 10;

export async function readWorkbook(parts: WorkbookParts, path: string): Promise<Workbook> {
  const relationships = await parts.relationships(path);
  const byId = new Map(relationships.map((relationship) => [relationship.id, relationship]));
  const xml = parts.openList(path);
  const sheets: Sheet[] = [];
  let dateSystem: DateSystem = 1900;
  let isStale = false;
  let list = '';
  await eachToken(xml, (token) => {
    if (token !== START) return;
    if (xml.depth === 1 && xml.name !== 'workbook') {
      throw broken('file_not_supported', `It seems to be a package of documents, but ${path} is no workbook`);
    }
    if (xml.depth === 2) list = xml.name;
    if (xml.depth === 2 && xml.name === 'workbookPr') dateSystem = isTrue(xml, 'date1904') ? 1904 : 1900;
    if (xml.depth === 2 && xml.name === 'calcPr') isStale = isTrue(xml, 'fullCalcOnLoad');
    if (xml.depth !== 3 || list !== 'sheets' || xml.name !== 'sheet') return;
    if (sheets.length === MOST_SHEETS) throw xml.damaged('lists more sheets than can be');
    sheets.push(readSheet(xml, byId));
  });
  const pathOf = (type: string) => relationships.find((one) => one.type === type)?.target;
  return { dateSystem, isStale, sheets, sharedStrings: pathOf('sharedStrings'), styles: pathOf('styles') };
}

function isTrue(xml: XmlScanner, attribute: string): boolean {
  return ['1', 'true', 'on'].includes(xml.attribute(attribute) ?? '');
}

function readSheet(xml: XmlScanner, relationships: ReadonlyMap<string, Relationship>): Sheet {
  const name = asText(xml.attribute('name') ?? '');
  const relationship = relationships.get(xml.attribute('id') ?? '');
  if (relationship === undefined) throw xml.damaged(`names the sheet "${shortened(name)}", which is nowhere`);
  const { type, target } = relationship;
  return { name, hidden: (xml.attribute('state') ?? 'visible') !== 'visible', type, path: target };
}

/**
 * The sheet of that name, in which the case does not matter as in Excel; without a name the first worksheet that is not
 * hidden.
 */
export function chooseSheet(sheets: readonly Sheet[], name: string | undefined): Sheet {
  const worksheets = sheets.filter(({ type }) => type === 'worksheet');
  if (name === undefined) {
    const first = worksheets.find(({ hidden }) => !hidden);
    if (first !== undefined) return first;
    const hint = worksheets.length > 0 ? '; name a hidden one as `format.sheet`' : '';
    throw broken('file_sheet_missing', `The workbook has no worksheet that is shown${hint}`);
  }
  const wanted = name.toLowerCase();
  const named = sheets.filter((sheet) => sheet.name.toLowerCase() === wanted);
  const sheet = named.find((one) => one.name === name) ?? named[0];
  if (sheet === undefined) {
    const message = `The workbook has no sheet "${shortened(name)}"; it has ${listed(worksheets)}`;
    throw broken('file_sheet_missing', message);
  }
  if (sheet.type === 'worksheet') return sheet;
  throw broken('file_sheet_missing', `"${shortened(name)}" is no worksheet, but a ${sheet.type}`);
}

function listed(worksheets: readonly Sheet[]): string {
  const names = worksheets.slice(0, MOST_SHOWN).map(({ name }) => `"${shortened(name)}"`);
  return names.join(', ') + (worksheets.length > MOST_SHOWN ? ', …' : '');
}
