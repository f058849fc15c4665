import { describe, expect, test } from 'vitest';
import { type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import { HEAD_BYTES } from '../../src/formats/detect/head.ts';
import { sniffText } from '../../src/formats/detect/sniff-text.ts';

interface Options {
  known?: readonly string[];
  stated?: Partial<FileFormat>;
  atEnd?: boolean;
}

function sniffed(text: string | Buffer, { known = [], stated = {}, atEnd = true }: Options = {}) {
  const format = { ...UNSTATED, ...stated };
  return sniffText(Buffer.from(text), { atEnd, format, known: new Set(known) });
}

/** What was found, in characters: delimiter, quote, number of the header row, line end. */
function form(text: string | Buffer, options: Options = {}) {
  const found = sniffed(text, options);
  if (found.type !== 'csv') throw new Error(JSON.stringify(found));
  const { delimiter, quote, headerRow, lineEnd } = found.dialect;
  return [String.fromCharCode(delimiter), String.fromCharCode(quote), headerRow, lineEnd];
}

describe('the delimiter', () => {
  test.each<[string, string, string]>([
    ['comma', 'id,name\n1,Anna\n2,Bob\n', ','],
    ['German: semicolons, decimal commas', 'Nr;Betrag;Anteil\r\n1;1,5;2,5\r\n2;3,25;4,0\r\n', ';'],
    ['the same, a comma in a name', 'Nr;Name, Vorname;Anteil\n1;Beck, Anna;2,5\n2;Amsel, Bo;1,0\n', ';'],
    ['the same in one row', 'Nr;Betrag\n1;1,5\n', ';'],
    ['tabs, commas in the text', 'id\ttext\n1\tHello, you\n2\tYes, no, maybe\n', '\t'],
    ['pipe', 'id|name|note\n1|Anna|a, b\n2|Bob|c; d\n', '|'],
    ['only a header row', 'id;name;note\n', ';'],
    ['a header row that was not ended', 'id\tname', '\t'],
    ['one column', 'name\nAnna\nBob\n', ','],
    ['one column, semicolons in its text', 'text\na; b\nc; d\n', ','],
    ['one column, commas in its text', 'text\na, b\nc, d\n', ','],
    ['quoted delimiters of another kind', 'a,b\n"1;2;3","4;5;6"\n"1;2;3","4;5;6"\n', ','],
    ['quoted line ends at the start', '"a\nb";"c;\nd"\n1;2\n3;4\n', ';'],
    ['rows that break the agreement', 'a;b;c\n1;2;3\n4;5\n6;7;8\n9;0;1;2\n', ';'],
    ['a broken quote in one row', 'a;b\n1;2\n3;"4"x\n5;6\n', ';'],
    ['as many cells in all rows both ways', 'a,b;c,d\n1,5;2,5\n2,5;3,5\n', ';'],
    ['blank cells', 'a;b;c\n;;\n;;\n', ';'],
    ['names of several words', 'First name;Last name\nAnna;Beck\n', ';'],
    ['nothing agrees', 'a,b\n1;2;3\n4|5\n', ','],
    ['a blank file', '\n\n', ','],
  ])('%s', (_, text, delimiter) => {
    expect(form(text)[0]).toBe(delimiter);
    expect(form(text.replaceAll('\n', '\r\n'))[0]).toBe(delimiter);
  });

  test('known names weigh more than rows that agree', () => {
    const text = 'id;a,name\n1;x,y\n2,3;x,y\n4,5;x,y\n';
    expect(form(text)[0]).toBe(';');
    expect(form(text, { known: ['name'] })[0]).toBe(',');
  });

  test('where the delimiter changes halfway, the header row tells', () => {
    const text = `id,name\n${'1,Anna\n'.repeat(10)}${'2;Bob\n'.repeat(20)}`;
    expect(form(text)[0]).toBe(',');
    expect(form(text, { known: ['id', 'name'] })[0]).toBe(',');
  });

  test('where it changes after the header row, known names tell', () => {
    expect(form(`id;name\n${'1,Anna\n'.repeat(10)}`, { known: ['id'] })[0]).toBe(';');
  });

  test('a line for Excel says it', () => {
    expect(form('sep=;\r\nid;name, first\r\n1;a, b\r\n')).toEqual([';', '"', 2, 'crlf']);
    expect(form('SEP=^\na^b\n1^2\n')).toEqual(['^', '"', 2, 'lf']);
    expect(form('sep=;\n\na;b\n1;2\n', { known: ['b'] })).toEqual([';', '"', 3, 'lf']);
    expect(form('sep=;\nid,name\n1,2\n', { stated: { delimiter: ',' } })).toEqual([',', '"', 2, 'lf']);
    expect(form('sep=;x\n1,2\n')[2]).toBe(1);
  });
});

describe('the quote', () => {
  test.each<[string, string, string]>([
    ['none', 'a,b\n1,2\n', '"'],
    ['double', 'a,b\n"1","2"\n', '"'],
    ['single, in the header row', "'id','name'\n1,2\n", "'"],
    ['single, around delimiters', "id,name\n1,'Beck, Anna'\n2,Bob\n", "'"],
    ['apostrophes in each record, and not in the header row', "code,qty\n'001',2\n'002',3\n", '"'],
    ['single, around line ends', "id,name\n1,'Anna\nBeck'\n2,Bob\n", "'"],
    ['an apostrophe in a name', "id,name\n1,O'Brien\n2,D'Arcy\n", '"'],
    ['an apostrophe that begins a cell', "id,text\n1,'tis true\n2,'twas\n", '"'],
    ['apostrophes around one cell of many', "id,text\n1,'so'\n2,plain\n3,plain\n", '"'],
    ['apostrophes around the only record', "id,text\n1,'so'\n", '"'],
    ['both, double in cells', `id,a,b\n1,'x',"y, z"\n2,'x',"y, z"\n`, '"'],
    ['single, double quotes within', `'id','say'\n'1','the "word"'\n`, "'"],
    ['feet and inches', `id,size\n1,6'\n2,5'11"\n`, '"'],
  ])('%s', (_, text, quote) => {
    expect(form(text)[1]).toBe(quote);
  });

  test('without a header row, single only around all cells', () => {
    const stated = { headerRow: 0 };
    expect(form("'001',2\n'002',3\n", { stated })[1]).toBe('"');
    expect(form("'001','a'\n'002','b'\n", { stated })[1]).toBe("'");
    expect(form("'001','a, b'\n'002','b'\n", { stated })[1]).toBe("'");
  });

  test('of our own tables the marker tells', () => {
    expect(form("id;text;_sheaf\n1;'=A';\n2;'=B';\n")).toEqual([';', '"', 1, 'lf']);
    expect(form("id;text;'_sheaf'\n1;'''=A''';\n2;b;\n")).toEqual([';', "'", 1, 'lf']);
    expect(form("id;text;\"_sheaf\"\n1;'=A';\n2;'=B';\n")[1]).toBe('"');
  });
});

describe('the line end', () => {
  test.each<[string, string]>([
    ['a,b\n1,2\n', 'lf'],
    ['a,b\r\n1,2\r\n', 'crlf'],
    ['a,b\r1,2\r3,4', 'cr'],
    ['a,b\r1,2\r', 'cr'],
    ['a,b\r1,"2\n3"\r', 'cr'],
    ['a;b\r"1 ""x""\n";"\n"\r', 'cr'],
    ['a,b\r1,"2"\n3,4\r', 'lf'],
    ['a,b\r1,2"\n3,4"\r', 'lf'],
    ['a,b\r\n1,"2\r3"\r\n', 'crlf'],
    ['"a\nb",c\r\n1,2\r\n', 'crlf'],
    ['"a\r\nb",c\n1,2\n', 'lf'],
    ['\r\n\r\na,b\r\n', 'crlf'],
    ['a,b', 'lf'],
    ['a,b\r1,2\n', 'lf'],
    ['', 'lf'],
  ])('%j: %s', (text, lineEnd) => {
    expect(form(text)[3]).toBe(lineEnd);
  });

  test('a CR at the end of the head may have lost its LF', () => {
    expect(form('a,b\r', { atEnd: false })[3]).toBe('lf');
    expect(form('a,b\r', { atEnd: true })[3]).toBe('cr');
  });

  test('lone CRs: dialect and header row are told all the same', () => {
    expect(form('Title\r\ra;b\r1;2,0\r', { known: ['a'] })).toEqual([';', '"', 3, 'cr']);
  });
});

describe('the header row', () => {
  const known = ['id', 'name', 'email'];

  test.each<[string, string, number]>([
    ['the first', 'id,name\n1,Anna\n', 1],
    ['after blank lines', '\n\r\nid,name\n1,Anna\n', 3],
    ['after a title', 'Learners of 2024\nid,name\n1,Anna\n', 2],
    ['after a title and a blank line', 'Learners of 2024;;\r\n\r\nid;name;x\r\n1;Anna;\r\n', 3],
    ['after a title over lines', '"Learners\nof 2024"\n"by ""us""",\nid,name\n1,Anna\n', 3],
    ['after remarks with names in them', 'email,a@b.example\nname,x\n\nid,name,email\n1,A,a\n', 4],
    ['with names in any order and blanks around', 'x\ny, name ,"id"\n1,2,3\n', 2],
    ['with names that differ in case', 'x\nID,Name\n1,2\n', 1],
    ['with no known names', 'x\ny,z\n1,2\n', 1],
    ['of a single column', 'x\nname\nAnna\n', 1],
  ])('%s', (_, text, row) => {
    expect(form(text, { known })[2]).toBe(row);
  });

  test('a row of data that holds names swallows no records', () => {
    expect(form('id,topic,field\n1,email,name\n2,name,email\n', { known })[2]).toBe(1);
    expect(form('Field,Meaning\nname,of the learner\n', { known })[2]).toBe(1);
    expect(form('name,x,y\n,,\nid,name,email\n', { known })[2]).toBe(1);
    expect(form('1,x,5\n2,y,6\nid,name,email\n', { known })[2]).toBe(1);
    expect(form('From,2024\nTo,2025\nid,name\n1,Anna\n', { known })[2]).toBe(1);
  });

  test('a row that names two columns is never passed over', () => {
    expect(form('id,name,x\n1,2,3\nid,name,email,x\n', { known })[2]).toBe(1);
    expect(form('Title\nid,name\nid,name,email\n', { known })[2]).toBe(2);
  });

  test('it is looked for in the first 25 rows that are not blank', () => {
    const titles = (count: number) => 'Title\n\n'.repeat(count);
    expect(form(`${titles(24)}id,name\n1,Anna\n`, { known })).toEqual([',', '"', 49, 'lf']);
    expect(form(`${titles(25)}id,name\n1,Anna\n`, { known })[2]).toBe(1);
  });

  test('a stated one is taken', () => {
    const text = 'id,name\nNr,Wer\n\n1,Anna\n';
    expect(form(text, { known, stated: { headerRow: 2 } })[2]).toBe(2);
    expect(form(text, { known, stated: { headerRow: 0 } })[2]).toBe(0);
    expect(form(text, { known, stated: { headerRow: 99 } })[2]).toBe(99);
    expect(form('Title, long\nfoo;bar\n1;2\n', { stated: { headerRow: 2 } })).toEqual([';', '"', 2, 'lf']);
  });

  test('there is none: what two delimiters cut equally well is refused', () => {
    const stated = { headerRow: 0 };
    for (const text of ['1,5;2,5;3,5\n2,5;3,5;4,5\n', '1;2,5\n2;3,5\n', '1,5;2\n', '1\ta,b\n2\tc,d\n']) {
      const { fault } = sniffed(text, { stated });
      expect(fault).toMatchObject({ code: 'file_not_supported' });
      expect(fault?.message).toMatch(/both with "(;|\\t)" and with ",".* as `format.delimiter`$/);
      expect(form(text, { stated: { ...stated, delimiter: ';' } })[0]).toBe(';');
      expect(form(`sep=;\n${text}`, { stated })[0]).toBe(';');
    }
    expect(form('1;2,5\n2;3\n', { stated })[0]).toBe(';');
    expect(form('1;"2,5"\n2;"3,5"\n', { stated })[0]).toBe(';');
    expect(form('1,2\n3,4\n', { stated })[0]).toBe(',');
    expect(form('id,a;b;_sheaf\n1,5;2;\n', { stated })[0]).toBe(';');
  });

  test('a stated one that is blank is refused', () => {
    const { fault } = sniffed('id,name\n\n1,Anna\n', { stated: { headerRow: 2 } });
    expect(fault).toMatchObject({ code: 'file_header_empty' });
    expect(fault?.message).toMatch(/^`format.header_row` says 2, but it has nothing in that row/);
  });

  test('a stated one that the head does not show is no fault', () => {
    expect(form('id,name\n1,"', { stated: { headerRow: 2 }, atEnd: false })[2]).toBe(2);
  });

  test('the first row, if it has our marker, whatever is stated', () => {
    const text = 'id;name;_sheaf\n1;Anna;\n2;Bob;\n';
    expect(form(text, { stated: { headerRow: 3 } })).toEqual([';', '"', 1, 'lf']);
    expect(form(text, { stated: { headerRow: 0 } })[2]).toBe(1);
    expect(form(`\n${text}`, { stated: { headerRow: 1 } })[2]).toBe(2);
    expect(form(`Mended by Anna\n${text}`)[2]).toBe(2);
  });
});

describe('what was stated', () => {
  test('delimiter and quote', () => {
    expect(form('a,b;c\n1,2;3\n', { stated: { delimiter: ';' } })[0]).toBe(';');
    expect(form('a:b\n1:2\n', { stated: { delimiter: ':' } })[0]).toBe(':');
    expect(form("'a','b'\n", { stated: { quote: '"' } })[1]).toBe('"');
    expect(form('a,b\n1,2\n', { stated: { quote: '|' } })).toEqual([',', '|', 1, 'lf']);
    expect(form('a|b\n1|2\n', { stated: { quote: '|' } })[0]).toBe(',');
    expect(form("a'b\n1'2\n", { stated: { delimiter: "'" } }).slice(0, 2)).toEqual(["'", '"']);
    expect(form('a"b\n1"2\n', { stated: { delimiter: '"' } }).slice(0, 2)).toEqual(['"', "'"]);
  });

  test('a delimiter that cannot be, as another finds the columns', () => {
    const known = ['id', 'name'];
    const { fault } = sniffed('id;name\n1;Anna\n', { known, stated: { delimiter: ',' } });
    expect(fault?.code).toBe('file_not_supported');
    expect(fault?.message).toMatch(/^`format.delimiter` says ",", but it separates its columns by ";"/);
    expect(form('id;name\n1;Anna\n', { stated: { delimiter: ',' } })[0]).toBe(',');
    expect(form('id;name,id\n1;Anna,1\n', { known, stated: { delimiter: ',' } })[0]).toBe(',');
  });
});

describe('a head that is cut', () => {
  const rows = 'id;name;note\n'.concat('1;Größe, alt;"x; y\nz"\n'.repeat(5000));
  const head = Buffer.from(rows).subarray(0, HEAD_BYTES);

  test.each([0, 1, 2, 3, 5, 8, 13, 14, 15, 16, 17, 21])('%i bytes less, in the middle of anything', (cut) => {
    const found = form(head.subarray(0, head.length - cut), { atEnd: false, known: ['note'] });
    expect(found).toEqual([';', '"', 1, 'lf']);
  });

  test('in the header row', () => {
    const names = Array.from({ length: 20_000 }, (_, n) => `c${n}`).join(';');
    expect(form(names.slice(0, HEAD_BYTES), { atEnd: false })).toEqual([';', '"', 1, 'lf']);
    const known = ['c17'];
    expect(form(names.slice(0, HEAD_BYTES), { atEnd: false, known })).toEqual([';', '"', 1, 'lf']);
  });

  test('in a quoted cell of the first row', () => {
    expect(form('id;"name', { atEnd: false })).toEqual([',', '"', 1, 'lf']);
  });

  test('in blank lines', () => {
    expect(form('\n'.repeat(HEAD_BYTES), { atEnd: false })).toEqual([',', '"', 1, 'lf']);
  });
});
