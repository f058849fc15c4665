import type { InputDescription } from '../description.ts';

/**
 * What a file of text begins with that is sent again: a byte order mark, where the input was not plain UTF-8. Without one a
 * spreadsheet reads UTF-8 as something else, and so would we, if the next request states the encoding of the input again.
 */
export function startOf({ format, encoding, bom }: InputDescription): '' | '\uFEFF' {
  return format === 'xlsx' || encoding !== 'utf-8' || bom ? '\uFEFF' : '';
}
