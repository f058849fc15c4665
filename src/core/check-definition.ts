import { isNameOfRoutes } from './access.ts';
import { RECORD_ERRORS } from './errors.ts';

/** What a definition may say: whoever writes JavaScript is told of a misspelt name as well. */
const MEMBERS = [
  'name',
  'version',
  'title',
  'description',
  'input',
  'output',
  'settings',
  'failures',
  'limits',
  'template',
  'effects',
  'target',
  'constraints',
  'run',
] as const;

/** @throws {Error} when it is not a definition, saying what to change */
export function checkDefinition(definition: Record<string, unknown>): void {
  const { name, version } = definition;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_]{0,63}$/.test(name)) {
    throw new Error('the name must match ^[a-z][a-z0-9_]{0,63}$');
  }
  if (isNameOfRoutes(name)) {
    throw new Error('this is the name of a route’s permission, or begins with admin_; choose another');
  }
  if (!Number.isInteger(version) || (version as number) < 1) {
    throw new Error('the version must be a whole number from 1');
  }
  const unknown = Object.keys(definition).find((member) => !(MEMBERS as readonly string[]).includes(member));
  if (unknown !== undefined) throw new Error(`it has no ${unknown}; it may have ${MEMBERS.join(', ')}`);
  for (const text of ['title', 'description'] as const) {
    if (typeof definition[text] !== 'string' || definition[text] === '') throw new Error(`give it a ${text}`);
  }
  for (const schema of ['input', 'output'] as const) {
    if (!isObject(definition[schema]))
      throw new Error(`${schema} must be a schema: Type.Object({ … }, { additionalProperties: false })`);
  }
  if (typeof definition.run !== 'function')
    throw new Error('run must be a function: async (records, context) => results');
  checkEffects(definition);
  checkFailures(definition);
}

function checkEffects({ effects, target, constraints }: Record<string, unknown>): void {
  if (effects !== undefined && effects !== 'transaction' && effects !== 'outside') {
    throw new Error('effects must be "transaction" or "outside"');
  }
  if (effects === 'outside' && constraints !== undefined) {
    throw new Error('constraints are of the database: an operation with effects "outside" has none');
  }
  if (effects !== 'outside' && target !== undefined) {
    throw new Error('only an operation with effects "outside" has a target');
  }
}

function checkFailures({ failures, constraints }: Record<string, unknown>): void {
  if (!isObject(failures))
    throw new Error('failures must name the codes with which it fails records: { code: "what it means" }');
  for (const code of Object.keys(failures)) {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(code))
      throw new Error(`the failure code ${JSON.stringify(code)} must match ^[a-z][a-z0-9_]{0,63}$`);
    if (Object.hasOwn(RECORD_ERRORS, code) || code.startsWith('file_')) {
      throw new Error(`the failure code ${code} is one of the engine’s own; choose another`);
    }
  }
  for (const [constraint, failure] of Object.entries(constraints ?? {})) {
    if (!Object.hasOwn(failures, (failure as { code: string }).code)) {
      throw new Error(`constraints.${constraint} has a code that is not among its failures`);
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
