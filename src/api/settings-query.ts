import { type FieldProblem, invalidRequest } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import { memberPointer } from './member-pointer.ts';
import { type Query, queryProblems } from './query-check.ts';

interface SettingSchema {
  type?: string;
  anyOf?: SettingSchema[];
  enum?: unknown[];
  const?: unknown;
}

/**
 * The settings of an operation as the query of a call gives them: a parameter each, read as its schema says; what is no
 * text, number or truth value is given as JSON. What is not given has its default.
 * @throws {RequestError} invalid_request
 */
export function settingsFrom(operation: Operation, query: Query): Record<string, unknown> {
  let settings: Record<string, unknown> = {};
  const problems = queryProblems({ ...query }, (given) => {
    const values = Object.entries(given).map(([name, text]): [string, unknown] => {
      return [name, valueIn(String(text), propertyOf(operation, name))];
    });
    settings = Object.fromEntries(values);
    const exact = values
      .filter(([, value]) => !isKept(value))
      .map(([name]): FieldProblem => {
        return {
          pointer: pointerTo(name),
          code: 'too_precise',
          message: 'is a number that cannot be kept exactly',
        };
      });
    const broken = operation.checkSettings(settings).map(({ field = '', code, message }) => ({
      pointer: pointerTo(field),
      code,
      message,
    }));
    return [...exact, ...broken];
  });
  if (problems.length > 0) throw invalidRequest(...problems);
  return settings;
}

function propertyOf({ settings }: Operation, name: string): SettingSchema | undefined {
  return Object.hasOwn(settings.properties, name) ? (settings.properties[name] as SettingSchema) : undefined;
}

function isKept(value: unknown): boolean {
  return typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value);
}

/** What cannot be read as the schema says stays the text, and is told of by the check. */
function valueIn(text: string, schema: SettingSchema | undefined): unknown {
  if (schema === undefined || schema.type === 'string') return text;
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (choices !== undefined) return choices.find((choice) => String(choice) === text) ?? text;
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map((one) => valueIn(text, one)).find((value) => value !== text) ?? text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function pointerTo(field: string): string {
  return memberPointer('', field).replace('/', '?');
}
