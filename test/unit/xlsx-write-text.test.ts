import { expect, test } from 'vitest';
import { textXml, xstring } from '../../src/formats/xlsx/write/xstring.ts';

test.each([
  ['plain', 'plain'],
  ['a_b_x_', 'a_b_x_'],
  ['_x0041_', '_x005F_x0041_'],
  ['_xaBcD_', '_x005F_xaBcD_'],
  ['_x0041_x0042_', '_x005F_x0041_x005F_x0042_'],
  ['_x004g_', '_x004g_'],
  ['_x0041', '_x0041'],
  // The escape of what follows would complete it.
  ['_x0041\0', '_x005F_x0041_x0000_'],
  ['\0\x08\x0b\x1f\x7f', '_x0000__x0008__x000B__x001F__x007F_'],
  ['a\r\nb\rc\n\t', 'a_x000D_\nb_x000D_c\n\t'],
  ['\ud83d\ude00 \ude00\ud83d', '😀 _xDE00__xD83D_'],
  ['\ufffd\ufffe\uffff', '\ufffd_xFFFE__xFFFF_'],
])('%j is written %j', (text, written) => {
  expect(xstring(text)).toBe(written);
});

test.each([
  ['a & <b>', '<t>a &amp; &lt;b&gt;</t>'],
  [']]>', '<t>]]&gt;</t>'],
  ['a b', '<t>a b</t>'],
  [' a', '<t xml:space="preserve"> a</t>'],
  ['a ', '<t xml:space="preserve">a </t>'],
  ['a\nb', '<t xml:space="preserve">a\nb</t>'],
  ['a\tb', '<t xml:space="preserve">a\tb</t>'],
  ['\r', '<t>_x000D_</t>'],
])('%j is the element %j', (text, xml) => {
  expect(textXml(text)).toBe(xml);
});
