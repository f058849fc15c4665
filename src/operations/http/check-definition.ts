import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { nameOf } from '../../core/json-pointer.ts';
import { DefinitionError, type DefinitionFault, wrong } from './definition-error.ts';
import { HttpDefinition } from './definition-schema.ts';

const MOST_FAULTS = 10;
const DEEPEST = 64;
const MOST_VALUES = 20_000;

const validate = new Ajv2020({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true }).compile(
  HttpDefinition,
);

/** @throws {DefinitionError} with everything that is wrong with its form, saying what to change */
export function checkedDefinition(value: unknown): HttpDefinition {
  checkPlain(value);
  if (validate(value)) return value as HttpDefinition;
  const errors = validate.errors ?? [];
  const faults = new Map<string, DefinitionFault>();
  for (const error of errors) {
    // Of a choice the choice itself is told of, and not every alternative that the value is not.
    if (error.schemaPath.includes('/anyOf/')) continue;
    const fault = faultOf(error);
    const key = JSON.stringify(fault);
    if (faults.size < MOST_FAULTS) faults.set(key, fault);
  }
  throw new DefinitionError([...faults.values()]);
}

function faultOf({ instancePath, keyword, params, parentSchema, message }: ErrorObject): DefinitionFault {
  const path = instancePath.split('/').slice(1).map(nameOf);
  switch (keyword) {
    case 'required':
      return { path, message: `give it ${params.missingProperty}` };
    case 'additionalProperties': {
      const known = Object.keys((parentSchema as { properties?: object }).properties ?? {});
      const name = String(params.additionalProperty);
      return { path: [...path, name], message: `is not known here; there are ${known.join(', ')}` };
    }
    default: {
      const { description } = parentSchema as { description?: string };
      return {
        path,
        message: description === undefined ? (message ?? 'is wrong') : `must be ${description}`,
      };
    }
  }
}

/** Nothing but JSON, of a size that a person writes: aliases of YAML can make circles, and much of little. */
function checkPlain(definition: unknown): void {
  let values = 0;
  const check = (value: unknown, path: string[]) => {
    values += 1;
    if (values > MOST_VALUES) throw wrong([], `holds more than ${MOST_VALUES} values`);
    if (path.length > DEEPEST) throw wrong([], `is nested deeper than ${DEEPEST} levels, or holds itself`);
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
    if (typeof value === 'number' && Number.isFinite(value)) {
      const exact = !Number.isInteger(value) || Number.isSafeInteger(value);
      if (!exact) throw wrong(path, 'is a number with too many digits; put it in quotes');
      return;
    }
    const plain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
    if (typeof value !== 'object' || !plain) throw wrong(path, 'is nothing that JSON knows');
    for (const [key, inner] of Object.entries(value)) {
      if (key === '__proto__') throw wrong(path, 'has a key __proto__, which is not possible');
      check(inner, [...path, key]);
    }
  };
  check(definition, []);
}
