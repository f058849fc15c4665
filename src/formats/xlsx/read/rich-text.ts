import {
  type CellLiteral,
  LONGEST_ESCAPE,
  meant,
  plainLiteral,
  textLiteral,
  tooLarge,
  trimmed,
} from './texts.ts';
import type { XmlScanner } from './xml-scanner.ts';

/**
 * Gathers the text of an `is` or `si` element from its `t` elements: one, or one for each run of text with a format of its
 * own (`r`). How it is to be pronounced (`rPh`) is no part of it.
 */
export class RichText {
  readonly #cellBytes: number;
  /** null: some of it is no text. */
  #text: string | null = '';
  #run = '';
  #inRun = false;
  #reads = false;
  #preserve = false;
  #tooLarge = false;

  constructor(cellBytes: number) {
    this.#cellBytes = cellBytes;
  }

  begin(): void {
    this.#text = '';
    this.#inRun = false;
    this.#reads = false;
    this.#tooLarge = false;
  }

  /** The text is one `t` without attributes, which was taken at once. */
  whole(xml: XmlScanner): CellLiteral {
    const text = trimmed(xml.characters());
    return xml.isPlain ? plainLiteral(text, this.#cellBytes) : textLiteral(meant(text), this.#cellBytes);
  }

  /** @param level of the element that begins, 1 for those right in the text's own */
  start(xml: XmlScanner, level: number): void {
    const { name } = xml;
    if (level === 1) this.#inRun = name === 'r';
    this.#reads = name === 't' && (level === 1 || (level === 2 && this.#inRun));
    if (!this.#reads) return;
    this.#preserve = xml.from < xml.to && xml.attribute('space') === 'preserve';
    this.#run = '';
  }

  /** A piece of text of the element that begun last. */
  characters(xml: XmlScanner): void {
    if (!this.#reads || this.#tooLarge) return;
    this.#run += xml.characters();
    if ((this.#text?.length ?? 0) + this.#run.length <= this.#cellBytes * LONGEST_ESCAPE) return;
    this.#tooLarge = true;
    this.#text = '';
    this.#run = '';
  }

  /** The element that begun last has ended. */
  end(): void {
    if (!this.#reads) return;
    this.#reads = false;
    // Of a run that is nothing but white space it is kept in any case: it stands between two others.
    const kept = this.#preserve ? this.#run : trimmed(this.#run);
    const run = meant(kept === '' && this.#inRun ? this.#run : kept);
    this.#text = run === null || this.#text === null ? null : this.#text + run;
  }

  /** Once it is over. */
  literal(): CellLiteral {
    return this.#tooLarge ? tooLarge(this.#cellBytes) : textLiteral(this.#text, this.#cellBytes);
  }
}
