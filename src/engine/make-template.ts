import type { Readable } from 'node:stream';
import { type Caller, isAllowed } from '../core/access.ts';
import { invalidRequest, RequestError } from '../core/errors.ts';
import type { Operation, OperationRegistry } from '../core/operation.ts';
import { shortened } from '../core/result.ts';
import { inputColumns, readOnlyColumn } from '../formats/template/column.ts';
import { madeUpRecord } from '../formats/template/made-up.ts';
import { type TemplateFormat, type TemplateTable, unfitFor } from '../formats/template/table.ts';
import { templateFile } from '../formats/template/template-file.ts';
import type { ReadTransaction } from './ports/read-transaction.ts';
import { templateParameters } from './template-parameters.ts';

export interface MakeTemplate {
  operations: OperationRegistry;
  reads: ReadTransaction;
}

export interface TemplateRequest {
  /** Of the operation. */
  name: string;
  format: TemplateFormat;
  /** What else the request says: texts, by their names. */
  parameters: Readonly<Record<string, string>>;
}

export interface Template {
  filename: string;
  /** Whoever does not read it to the end destroys it. */
  content: Readable;
}

/**
 * A file to fill in for an operation: its columns, with examples, or with what the operation fills in of the account’s data.
 * @throws {RequestError} operation_not_found, forbidden, invalid_request, and what the operation says of its parameters
 */
export async function makeTemplate(
  engine: MakeTemplate,
  caller: Caller,
  { name, format, parameters }: TemplateRequest,
): Promise<Template> {
  const operation = engine.operations.get(name);
  if (operation === undefined) {
    const detail = `there is no operation ${shortened(name)}; GET /operations lists them`;
    throw new RequestError('operation_not_found', detail);
  }
  const told = {
    isAsked: Object.keys(parameters).length > 0,
    parameters: templateParameters(operation, parameters),
  };
  const table = await tableOf(engine, caller, operation, told);
  const unfit = unfitFor(format, table);
  if (unfit !== null) throw invalidRequest({ pointer: '?format', code: 'not_allowed', message: unfit });
  return { filename: `${name}-template.${format}`, content: templateFile(format, table) };
}

interface Told {
  /** Whether the request names a parameter: others have their defaults. */
  isAsked: boolean;
  parameters: Record<string, unknown>;
}

async function tableOf(
  engine: MakeTemplate,
  caller: Caller,
  operation: Operation,
  told: Told,
): Promise<TemplateTable> {
  const { title, description, input, template } = operation;
  const columns = inputColumns(input);
  const filled = await filledRecords(engine, caller, operation, told);
  if (filled !== null) {
    const shown = (template?.shown ?? []).map(({ name, description }) => readOnlyColumn(name, description));
    return { title, description, columns: [...shown, ...columns], records: filled, filled: true };
  }
  const examples = template?.examples ?? [];
  const madeUp = examples.length > 0 ? null : madeUpRecord(columns, operation.checkInput);
  const records = madeUp === null ? examples : [madeUp];
  return { title, description, columns, records, filled: false };
}

/** What the operation fills in; `null`: nothing. It is data of the account, which not everybody may see. */
async function filledRecords(
  engine: MakeTemplate,
  { user, statements }: Caller,
  { name, template }: Operation,
  { isAsked, parameters }: Told,
): Promise<readonly unknown[] | null> {
  const fill = template?.fill;
  if (fill === undefined) return null;
  if (isAllowed(statements, name)) {
    return await engine.reads.read((context) => fill(parameters, context));
  }
  if (!isAsked) return null;
  const what = 'the template would be filled in with data of the account';
  throw new RequestError('forbidden', `${what}, and the role of ${user} does not allow ${name}`);
}
