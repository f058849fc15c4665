import type { FieldProblem } from '../core/errors.ts';
import { memberPointer } from './member-pointer.ts';
import { textFault } from './text-fault.ts';

/** Parameters as they were parsed: text, an array of texts where one is repeated, numbers once they are converted. */
export type Query = Record<string, unknown>;

/** What is wrong with a query: what no parameter may be, then what its schema says, which also converts it. */
export function queryProblems(query: Query, bySchema: (query: Query) => FieldProblem[]): FieldProblem[] {
  const before = Object.entries(query).flatMap(([name, value]): FieldProblem[] => {
    if (Array.isArray(value)) {
      return [{ pointer: pointerTo(name), code: 'invalid', message: 'is given more than once' }];
    }
    const fault = textFault(String(value));
    return fault === null ? [] : [{ pointer: pointerTo(name), ...fault }];
  });
  if (before.length > 0) return before;
  const problems = bySchema(query);
  return problems.length > 0 ? problems : infiniteNumbers(query);
}

/** `Infinity` is a number when ajv converts it, and one that none of its limits looks at. */
function infiniteNumbers(query: Query): FieldProblem[] {
  return Object.entries(query)
    .filter(([, value]) => typeof value === 'number' && !Number.isFinite(value))
    .map(([name]) => ({ pointer: pointerTo(name), code: 'invalid_type', message: 'must be a number' }));
}

function pointerTo(name: string): string {
  return memberPointer('', name).replace('/', '?');
}
