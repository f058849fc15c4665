import { RichText } from './rich-text.ts';
import type { StringTable } from './string-table.ts';
import { END, MORE, OVER, START, TEXT, type XmlScanner } from './xml-scanner.ts';

const STRING_DEPTH = 2;

/** Reads `sharedStrings.xml` into the table. */
export async function readSharedStrings(
  xml: XmlScanner,
  table: StringTable,
  cellBytes: number,
): Promise<void> {
  const text = new RichText(cellBytes);
  let reads = false;
  try {
    for (;;) {
      const token = xml.next();
      if (token === OVER) break;
      if (token === MORE) await xml.more();
      else if (token === TEXT) text.characters(xml);
      else if (token === START && xml.depth === STRING_DEPTH) {
        reads = xml.name === 'si';
        if (reads && xml.takeText('<t>', '</t></si>')) {
          reads = false;
          if (table.add(text.whole(xml))) await table.settle();
        } else text.begin();
      } else if (token === START && reads) text.start(xml, xml.depth - STRING_DEPTH);
      else if (token === END && xml.depth > STRING_DEPTH) text.end();
      else if (token === END && xml.depth === STRING_DEPTH && reads) {
        if (table.add(text.literal())) await table.settle();
      }
    }
  } finally {
    await xml.close();
  }
  await table.settle();
}
