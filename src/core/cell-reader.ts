import { coerceText } from './coerce.ts';
import type { Field } from './field.ts';
import { parentOf, place, type RecordInput } from './record-input.ts';
import { type RecordError, shortened } from './result.ts';

/** Fills an operation's input from a row of cells. */
export class CellReader {
  readonly #cells: { index: number; column: string; field: Field }[] = [];
  /** What the file calls each field. */
  readonly columns = new Map<string, string>();

  /** @param columns of the file, with the field that each fills */
  constructor(fields: readonly Field[], columns: readonly { name: string; field: string | null }[]) {
    const byName = new Map(fields.map((field) => [field.name, field]));
    for (const [index, column] of columns.entries()) {
      const field = column.field === null ? undefined : byName.get(column.field);
      if (field === undefined) continue;
      // Repeated in every error of every record, so a name of a megabyte must not be.
      const name = shortened(column.name);
      this.#cells.push({ index, column: name, field });
      this.columns.set(field.name, name);
    }
  }

  read(row: readonly string[], input: RecordInput, errors: RecordError[]): void {
    for (const { index, column, field } of this.#cells) {
      const text = row[index] ?? '';
      // So that the check names the field that is missing and not the object that it would be in.
      if (field.required) parentOf(input, field);
      if (text === '') continue;
      const { value, error } = coerceText(text, field.type);
      if (error === undefined) place(input, field, value);
      else errors.push({ ...error, field: field.name, column, value: shortened(text) });
    }
  }
}
