import type { Operation } from '../core/operation.ts';
import { operationTools } from '../sheaf.ts';

const HOW = 'export default defineOperation({ … }), with import { defineOperation } from "sheaf"';

/**
 * The operations that a module exports: as they are, in arrays, or made by a function that is given what it takes. A
 * function that is no default export is called only where nothing else is exported: it may be there for others.
 * @throws {Error} saying what is wrong, and what to change
 */
export async function exportedOperations(module: Record<string, unknown>): Promise<Operation[]> {
  const exported = Object.entries(module);
  const calls = exported.filter(([name, value]) => typeof value === 'function' && name === 'default');
  const found = new Set(exported.flatMap(([name, value]) => given(value, `its export ${name}`)));
  if (found.size === 0 && calls.length === 0) {
    calls.push(...exported.filter(([, value]) => typeof value === 'function'));
  }
  for (const [name, call] of calls) {
    for (const operation of await made(name, call as MakeOperations)) found.add(operation);
  }
  if (found.size === 0) throw new Error(`it exports no operation: write ${HOW}`);
  return [...found];
}

type MakeOperations = (tools: typeof operationTools) => unknown;

async function made(name: string, call: MakeOperations): Promise<Operation[]> {
  const answered = await call(operationTools);
  const operations = given(answered, `what its function ${name} answers`);
  if (operations.length === 0) {
    throw new Error(
      `its function ${name} answers no operation: it has to return defineOperation({ … }), or an array of those`,
    );
  }
  return operations;
}

/** The operations in a value; what has nothing to do with operations may be exported as well. */
function given(value: unknown, what: string): Operation[] {
  if (Array.isArray(value) && value.some((item) => isOperation(item) || isDefinition(item))) {
    return value.flatMap((item, index) => {
      const operations = given(item, `${what}, at ${index}`);
      if (operations.length === 0) throw new Error(`${what}, at ${index}, is no operation: take it out`);
      return operations;
    });
  }
  if (isOperation(value)) return [value];
  if (isDefinition(value)) {
    throw new Error(`${what} is a plain object: pass it through defineOperation (${HOW})`);
  }
  return [];
}

type Members = Record<string, unknown>;

/** By what only `defineOperation` adds: a package may bring a copy of it. */
function isOperation(value: unknown): value is Operation {
  return (
    isDefinition(value) &&
    ['checkInput', 'checkOutput', 'checkSettings'].every((name) => isFunction(value[name]))
  );
}

function isDefinition(value: unknown): value is Members {
  return (
    typeof value === 'object' && value !== null && isFunction((value as Members).run) && 'input' in value
  );
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
