import { columnLetters, MAX_COLUMNS, MAX_ROWS } from './table.ts';
import { textXml } from './xstring.ts';

/** More comments than these make Excel slow to open a sheet; they are also what memory holds of it. */
const MAX_COMMENTS = 20_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
const LONGEST_COMMENT = 2_000;

/** Excel counts the shapes of a workbook in blocks of so many. */
const SHAPES_IN_BLOCK = 1024;

const NO_MORE = 'The marked cells below this one have no comments: there are too many of them.';

interface Comment {
  /** From 1. */
  row: number;
  /** From 0. */
  column: number;
  text: string;
}

/** The comments of one sheet, bounded: cells further down that are marked have none. */
export class Comments {
  readonly #comments: Comment[] = [];
  #characters = 0;
  #full = false;

  get count(): number {
    return this.#comments.length;
  }

  add(comment: Comment): void {
    if (this.#full) return;
    const text = shortened(comment.text);
    this.#characters += text.length;
    this.#full = this.count >= MAX_COMMENTS || this.#characters > MAX_CHARACTERS;
    if (this.#full) this.#comments.at(-1)!.text += `\n\n${NO_MORE}`;
    else this.#comments.push({ ...comment, text });
  }

  /** `xl/comments1.xml`, in pieces. */
  *xml(): Generator<string> {
    yield '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<comments xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><authors><author>Sheaf</author></authors><commentList>';
    for (const { row, column, text } of this.#comments) {
      yield `<comment ref="${columnLetters(column)}${row}" authorId="0"><text><r><rPr><sz val="9"/><color indexed="81"/><rFont val="Tahoma"/><family val="2"/></rPr>${textXml(text)}</r></text></comment>`;
    }
    yield '</commentList></comments>';
  }

  /**
   * `xl/drawings/vmlDrawing1.vml`, in pieces: the boxes that the comments are shown in.
   * @param firstBlock number of the first block of shapes that is free, from 1
   */
  *shapes(firstBlock: number): Generator<string> {
    const blocks = Array.from({ length: this.blocks }, (_, index) => firstBlock + index);
    yield `<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="${blocks.join(',')}"/></o:shapelayout><v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>`;
    let id = firstBlock * SHAPES_IN_BLOCK;
    for (const comment of this.#comments) {
      id += 1;
      yield shapeXml(id, comment);
    }
    yield '</xml>';
  }

  /** How many blocks of shapes they take; the first number of a block is not used. */
  get blocks(): number {
    return Math.ceil((this.#comments.length + 1) / SHAPES_IN_BLOCK);
  }
}

function shortened(text: string): string {
  if (text.length <= LONGEST_COMMENT) return text;
  return `${text.slice(0, LONGEST_COMMENT).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function shapeXml(id: number, { row, column, text }: Comment): string {
  return `<v:shape id="_x0000_s${id}" type="#_x0000_t202" style="position:absolute;margin-left:107pt;margin-top:8pt;width:160pt;height:60pt;z-index:1;visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox><x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>${anchor(row - 1, column, text)}</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>${row - 1}</x:Row><x:Column>${column}</x:Column></x:ClientData></v:shape>`;
}

/** Left, top, right and bottom, each a column or row and pixels: beside the cell, high enough for most texts. */
function anchor(row: number, column: number, text: string): string {
  const lines = text.split('\n').reduce((sum, line) => sum + 1 + Math.floor(line.length / 32), 0);
  const height = Math.min(Math.max(lines, 3), 16);
  const left = Math.min(column + 1, MAX_COLUMNS - 4);
  const top = Math.min(Math.max(row - 1, 0), MAX_ROWS - height - 2);
  return [left, 15, top, 10, left + 3, 15, top + height, 10].join(', ');
}
