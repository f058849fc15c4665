import postgres from 'postgres';
import type { Refusal } from '../../core/refusal.ts';

/** What the data of a statement can be refused for (PostgreSQL documentation, appendix A). */
const KINDS: Record<string, Refusal['kind']> = {
  // ON DELETE RESTRICT, from PostgreSQL 18 on.
  '23001': 'in_use',
  '23502': 'not_given',
  '23505': 'exists',
  '23514': 'rule',
  '23P01': 'exists',
  '22001': 'too_long',
  '22003': 'out_of_range',
  '22007': 'malformed',
  '22008': 'out_of_range',
  '22P02': 'malformed',
  P0001: 'raised',
};

/** Data exceptions, broken constraints, a row too wide for its index; and the row that one statement met twice. */
const CLASSES = ['22', '23', '44', '54'];
const MET_TWICE = '21000';

/** Why the database refused the data of a statement; `null`: it failed for another reason. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof postgres.PostgresError)) return null;
  const { code } = error;
  const kind = KINDS[code];
  if (code === '23503') return { ...about(error), kind: isOfTheOther(error) ? 'in_use' : 'missing' };
  if (kind === 'raised') return { kind, message: error.message };
  if (kind !== undefined) return { ...about(error), kind };
  return CLASSES.includes(code.slice(0, 2)) || code === MET_TWICE ? { ...about(error), kind: 'other' } : null;
}

function about(error: postgres.PostgresError): Pick<Refusal, 'constraint' | 'columns'> {
  const columns = columnsOf(error);
  return {
    ...(error.constraint_name !== undefined && { constraint: error.constraint_name }),
    ...(columns.length > 0 && { columns }),
  };
}

/**
 * Whether a row that others point to was to be removed or changed: then the message names two tables and the
 * constraint, in any language of the server; of a row that points to nothing it names one.
 */
function isOfTheOther({ message }: postgres.PostgresError): boolean {
  return (message.match(/["«»„“”「」]/g) ?? []).length > 2 * 2;
}

/** Only the detail names the columns of a key: `Key (account_id, lower(email))=(…) already exists.` */
function columnsOf({ column_name: column, detail = '' }: postgres.PostgresError): string[] {
  if (column !== undefined) return [column];
  const key = /\(((?:[^()]|\([^()]*\))*)\)=\(/.exec(detail)?.[1] ?? '';
  return key.split(', ').flatMap((part) => {
    const name = /^(?:[a-z_]+\()?\(*"?([\w$]+)"?\)*(?:::[\w ]+)?\)?$/i.exec(part)?.[1];
    return name === undefined ? [] : [name];
  });
}
