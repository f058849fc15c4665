import { coercionOf, textReader } from './coerce.ts';
import { isProblem, type Problem, type ReadText } from './coerced.ts';
import type { Field } from './field.ts';
import type { FileType } from './file-format.ts';
import { parentOf, place, type RecordInput } from './record-input.ts';
import { type RecordError, shortened } from './result.ts';
import type { ColumnTally } from './tally.ts';
import type { ValueRules } from './value-rules.ts';

/** The cells of a column that fills a field. */
interface Cell extends ColumnTally {
  index: number;
  field: Field;
  /** Repeated in every error of every record, so a column’s name of a megabyte must not be. */
  shown: string;
  read: ReadText;
}

/** Fills an operation's input from a row of cells. */
export class CellReader {
  readonly #cells: Cell[] = [];
  /** Where in a row each field is. */
  readonly #places = new Map<string, number>();
  /** What the file calls each field. */
  readonly columns = new Map<string, string>();

  /** @param columns of the file, with the field that each fills */
  constructor(
    fields: readonly Field[],
    columns: readonly { name: string; field: string | null }[],
    values: { rules: ValueRules; format: FileType | undefined },
  ) {
    const byName = new Map(fields.map((field) => [field.name, field]));
    for (const [index, { name: column, field: filled }] of columns.entries()) {
      const field = filled === null ? undefined : byName.get(filled);
      if (field === undefined) continue;
      const shown = shortened(column);
      const read = textReader(field, values.rules, values.format);
      this.#cells.push({ index, field, shown, read, column, rule: coercionOf(field), blank: 0, changed: 0 });
      this.#places.set(field.name, index);
      this.columns.set(field.name, shown);
    }
  }

  get tallies(): Iterable<ColumnTally> {
    return this.#cells;
  }

  /** The text that a field was read from; `null`: none was given. */
  textOf(row: readonly string[], field: string): string | null {
    return row[this.#places.get(field) ?? -1] || null;
  }

  /** @param problems of cells that are blank in the row because they cannot be read */
  read(
    row: readonly string[],
    input: RecordInput,
    errors: RecordError[],
    problems?: ReadonlyMap<number, Problem>,
  ): void {
    for (const cell of this.#cells) {
      const { field } = cell;
      const text = row[cell.index] ?? '';
      // So that the check names the field that is missing and not the object that it would be in.
      if (field.required) parentOf(input, field);
      if (text === '') {
        const problem = problems?.get(cell.index);
        if (problem === undefined) cell.blank += 1;
        else errors.push({ ...problem, field: field.name, column: cell.shown });
        continue;
      }
      const value = cell.read(text);
      if (isProblem(value)) {
        errors.push({ ...value, field: field.name, column: cell.shown, value: shortened(text) });
        continue;
      }
      place(input, field, value);
      if (value !== text) cell.changed += 1;
    }
  }
}
