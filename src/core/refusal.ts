import { leafFields } from './field.ts';
import type { TransactionOperation } from './operation.ts';
import type { RecordFailure } from './result.ts';

/** Why the database refused to write what a handler wrote, as far as it says. */
export interface Refusal {
  kind:
    | 'exists'
    | 'missing'
    | 'in_use'
    | 'not_given'
    | 'rule'
    | 'too_long'
    | 'out_of_range'
    | 'malformed'
    | 'raised'
    | 'other';
  constraint?: string;
  /** The columns that it is about. */
  columns?: readonly string[];
  /** What a rule that somebody wrote for the database says of itself (RAISE). */
  message?: string;
}

/**
 * What is told of the one record that the database refused: in the operation’s words where it has some for the
 * constraint, else in ours, which name the field. Never the statement, nor what the database says of it.
 */
export function refusalFailure(
  operation: Pick<TransactionOperation, 'input' | 'constraints'>,
  refusal: Refusal,
): RecordFailure {
  const { constraint } = refusal;
  const { constraints } = operation;
  const own =
    constraint !== undefined && Object.hasOwn(constraints, constraint) ? constraints[constraint] : undefined;
  if (own !== undefined) return own;
  const fields = leafFields(operation.input).map(({ name }) => name);
  const named = (refusal.columns ?? []).flatMap((column) => fieldOf(fields, column) ?? []);
  const { code, message } = inWords(refusal, named);
  return named.length === 1 ? { code, message, field: named[0]! } : { code, message };
}

/** A column is called as its field, but for the way in which words are joined (`given_name`, `givenName`). */
function fieldOf(fields: readonly string[], column: string): string | undefined {
  const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return fields.find((field) => plain(field) === plain(column));
}

function inWords(refusal: Refusal, fields: readonly string[]): { code: string; message: string } {
  const what = fields.length === 0 ? 'what it would make' : fields.join(' and ');
  const one = fields.length === 1 ? fields[0] : 'a value';
  switch (refusal.kind) {
    case 'exists':
      return {
        code: 'already_exists',
        message: `${what} ${fields.length > 1 ? 'together already exist' : 'already exists'}`,
      };
    case 'missing':
      return {
        code: 'reference_missing',
        message: `${fields.length === 0 ? 'it' : fields.join(' and ')} names something that does not exist`,
      };
    case 'in_use':
      return { code: 'still_in_use', message: 'what it would remove or change is still in use' };
    case 'not_given':
      return { code: 'required', message: `${one} must be given` };
    case 'too_long':
      return { code: 'too_long', message: `${one} is longer than can be stored` };
    case 'out_of_range':
      return { code: 'out_of_range', message: `${one} is outside of what can be stored` };
    case 'malformed':
      return { code: 'invalid_format', message: `${one} does not have the form in which it is stored` };
    case 'raised':
      return { code: 'value_refused', message: refusal.message ?? 'a rule of the database refuses it' };
    default:
      return { code: 'value_refused', message: `${one} breaks a rule of the database` };
  }
}
