import type { FileFault } from '../../../core/errors.ts';
import { broken } from './broken.ts';
import { CONTENT_TYPES, type WorkbookParts } from './workbook-parts.ts';

const SAVE_AS_XLSX = 'save it as XLSX (Excel workbook) or CSV';
const EXPORT = 'export the table as XLSX or CSV';

/** What the content type of the main part says. XLSB before macros, as it is named after both. */
const MAIN_PARTS: readonly { type: RegExp; fault: Pick<FileFault, 'code' | 'message'> }[] = [
  foreign(/sheet\.binary/i, 'a binary workbook (XLSB)', SAVE_AS_XLSX),
  { type: /macroenabled/i, fault: macros() },
  foreign(/wordprocessingml|msword/i, 'a Word document (DOCX)', EXPORT),
  foreign(/presentationml|powerpoint/i, 'a PowerPoint presentation (PPTX)', EXPORT),
  foreign(/visio/i, 'a Visio drawing', EXPORT),
];

/** What an archive is that is no package of Office, by a file in it. */
const ARCHIVES: readonly { holds: RegExp; seems: string; advice: string }[] = [
  { holds: /^index\/.*\.iwa$|^index\.zip$/i, seems: 'a document of Apple Numbers or Pages', advice: EXPORT },
  { holds: /^content\.xml$/i, seems: 'an OpenDocument file (ODS)', advice: SAVE_AS_XLSX },
  { holds: /^androidmanifest\.xml$/i, seems: 'an Android app', advice: EXPORT },
  { holds: /^meta-inf\/manifest\.mf$/i, seems: 'a Java archive (JAR)', advice: EXPORT },
];

/**
 * Finds the main part of a workbook.
 *
 * @throws {BrokenFile} when the archive is something else, or holds macros
 */
export async function findWorkbook(parts: WorkbookParts, names: readonly string[]): Promise<string> {
  if (parts.find(CONTENT_TYPES) === undefined) throw notWorkbook(names);
  const types = await parts.contentTypes();
  const main = (await parts.relationships('')).find(({ type }) => type === 'officeDocument')?.target;
  const path = main ?? 'xl/workbook.xml';
  const known = MAIN_PARTS.find(({ type }) => type.test(types.of(path)));
  if (known !== undefined) throw broken(known.fault.code, known.fault.message);
  if (parts.find(path) === undefined) {
    const message = `It seems to be a package of documents, but holds no workbook; ${EXPORT}`;
    throw broken('file_not_supported', message);
  }
  const holdsMacros = names.some((name) => /(?:^|\/)vbaProject\.bin$/i.test(name));
  const sheetsOfMacros = [...types.ofPart.values()].some((type) => /macrosheet/i.test(type));
  if (holdsMacros || sheetsOfMacros) throw broken('file_macros', macros().message);
  return path;
}

function notWorkbook(names: readonly string[]) {
  const known = ARCHIVES.find(({ holds }) => names.some((name) => holds.test(name)));
  const what = known?.seems ?? 'a ZIP archive of other files';
  const advice = known?.advice ?? 'upload the table itself, or pack it with gzip';
  return broken('file_not_supported', `It seems to be ${what}, and no XLSX workbook; ${advice}`);
}

function foreign(type: RegExp, seems: string, advice: string) {
  return {
    type,
    fault: { code: 'file_not_supported' as const, message: `It seems to be ${seems}; ${advice}` },
  };
}

function macros() {
  return { code: 'file_macros' as const, message: 'The workbook holds macros; save it as XLSX without them' };
}
