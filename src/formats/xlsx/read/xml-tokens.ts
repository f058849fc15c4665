import { type END, MORE, OVER, type START, type TEXT, type XmlScanner } from './xml-scanner.ts';

/** Shows each token of a part that is read to its end. */
export async function eachToken(
  xml: XmlScanner,
  look: (token: typeof START | typeof END | typeof TEXT) => void,
): Promise<void> {
  try {
    for (;;) {
      const token = xml.next();
      if (token === OVER) return;
      if (token === MORE) await xml.more();
      else look(token);
    }
  } finally {
    await xml.close();
  }
}
