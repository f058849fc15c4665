import type { TObject } from 'typebox';
import { type Field, leafFields } from './field.ts';
import { isOurColumn } from './our-columns.ts';
import { compileSchema, type SchemaCheck } from './schema.ts';

const MEMBERS = ['examples', 'parameters', 'shown', 'fill'] as const;

/**
 * @param fields of the operation's input
 * @throws {Error} when it is no template of the operation, saying what to change
 */
export function checkTemplate(template: object, fields: readonly Field[], checkInput: SchemaCheck): void {
  const { examples, parameters, shown, fill } = template as Partial<Record<string, unknown>>;
  const unknown = Object.keys(template).find((member) => !(MEMBERS as readonly string[]).includes(member));
  if (unknown !== undefined)
    throw new Error(`its template has no ${unknown}; it may have ${MEMBERS.join(', ')}`);
  if (!Array.isArray(examples)) throw new Error('template.examples must be an array of inputs');
  for (const example of examples) {
    const [broken] = checkInput(example);
    if (broken !== undefined)
      throw new Error(`an example of its template is wrong: ${broken.field ?? 'it'} ${broken.message}`);
  }
  if (fill !== undefined && typeof fill !== 'function')
    throw new Error('template.fill must be a function: async (parameters, context) => rows');
  if (parameters !== undefined) checkParameters(parameters as TObject);
  if (shown !== undefined) checkShown(shown, fields);
}

/** A request gives them as texts, besides the format. */
function checkParameters(parameters: TObject): void {
  try {
    if (leafFields(parameters).some(({ name }) => name === 'format'))
      throw new Error('format says whether the file is CSV or XLSX; choose another name');
    compileSchema(parameters);
  } catch (error) {
    throw new Error(`template.parameters: ${(error as Error).message}`, { cause: error });
  }
}

function checkShown(shown: unknown, fields: readonly Field[]): void {
  if (!Array.isArray(shown)) throw new Error('template.shown must be an array of { name, description }');
  const taken = new Set(fields.map(({ name }) => name));
  for (const { name, description } of shown) {
    if (typeof name !== 'string' || name === '' || name.trim() !== name || typeof description !== 'string')
      throw new Error('each of template.shown needs a name and a description');
    if (taken.has(name) || isOurColumn(name))
      throw new Error(`template.shown: a column ${name} is there already; choose another name`);
    taken.add(name);
  }
}
