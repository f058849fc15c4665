import { failedLine, type ResultLine, succeededLine } from '../../core/result.ts';
import type { InputDescription } from '../../formats/description.ts';
import type { JournalEntry } from '../ports/chunk-outcome.ts';
import { outcomeUnknown } from '../tries.ts';

/**
 * The lines of records of a chunk that is not settled and never will be, as far as its journal knows of them: what has
 * a result has it, and what may have taken effect without an answer has failed. Of all others nobody has done anything.
 *
 * @param customId of a record, where there is one
 */
export function journaledLines(
  entries: readonly JournalEntry[],
  description: InputDescription,
  customId: (record: number) => string | undefined,
): ResultLine[] {
  return entries.flatMap((entry): ResultLine[] => {
    const { record, attempts } = entry;
    const result = resultOf(entry);
    if (result === null) return [];
    const id = customId(record);
    if (result.status === 'succeeded') return [succeededLine(record, result.output, attempts, id)];
    const { error } = result;
    const column = columnOf(description, error.field);
    return [failedLine(record, [column === undefined ? error : { ...error, column }], attempts, id)];
  });
}

/** `null`: no try of the record has taken effect. */
function resultOf({ state, uncertain, result }: JournalEntry) {
  if (state === 'final') return result ?? outcomeUnknown();
  return state === 'started' || uncertain ? outcomeUnknown() : null;
}

function columnOf({ columns }: InputDescription, field: string | undefined): string | undefined {
  return field === undefined ? undefined : columns.find((column) => column.field === field)?.name;
}
