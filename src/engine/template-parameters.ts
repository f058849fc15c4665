import { textReader } from '../core/coerce.ts';
import { isProblem } from '../core/coerced.ts';
import { type FieldProblem, invalidRequest } from '../core/errors.ts';
import { leafFields } from '../core/field.ts';
import { tokenOf } from '../core/json-pointer.ts';
import type { Operation } from '../core/operation.ts';
import { place, type RecordInput } from '../core/record-input.ts';
import { compileSchema } from '../core/schema.ts';
import { PLAIN_VALUES } from '../core/value-rules.ts';

/**
 * What a request for a template says, read as the operation has it.
 * @param given texts by their names
 * @throws {RequestError} invalid_request, with every parameter that is unknown, missing or wrong
 */
export function templateParameters(
  { name: operation, template }: Operation,
  given: Readonly<Record<string, string>>,
): RecordInput {
  const schema = template?.parameters;
  const fields = schema === undefined ? [] : leafFields(schema);
  const known = ['format', ...fields.map(({ name }) => name)].join(', ');
  const problems: FieldProblem[] = [];
  const parameters: RecordInput = {};
  for (const [name, text] of Object.entries(given)) {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) {
      const message = `is not known; for the template of ${operation} there is ${known}`;
      problems.push({ pointer: pointerTo(name), code: 'unknown_field', message });
      continue;
    }
    const value = textReader(field, PLAIN_VALUES)(text);
    if (isProblem(value)) problems.push({ pointer: pointerTo(name), ...value });
    else place(parameters, field, value);
  }
  if (schema !== undefined && problems.length === 0) {
    for (const { field = '', code, message } of compileSchema(schema, { useDefaults: true })(parameters)) {
      problems.push({ pointer: pointerTo(field), code, message });
    }
  }
  if (problems.length > 0) throw invalidRequest(...problems);
  return parameters;
}

const LONGEST_SHOWN = 200;

/** As a query is pointed into; a name that would drown the answer is left out. */
function pointerTo(name: string): string {
  return name.length > LONGEST_SHOWN ? '' : `?${tokenOf(name)}`;
}
