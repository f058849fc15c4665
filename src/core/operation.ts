import type { Static, TObject } from 'typebox';
import { PERMISSIONS } from './access.ts';
import { RECORD_ERRORS } from './errors.ts';
import { leafFields } from './field.ts';
import type { Log } from './log.ts';
import type { RecordResult } from './result.ts';
import { compileSchema, type SchemaCheck } from './schema.ts';
import type { TransactionSql } from './sql.ts';

export interface OperationRecord<Input> {
  /** Number of the record in the client's file, from 1. */
  number: number;
  input: Input;
}

/** What a handler gets besides its records. */
export interface OperationContext<Settings> {
  accountId: string;
  user: string;
  batchId: string;
  settings: Settings;
  /** The chunk's transaction: its writes are exactly once. Anything done outside of it is at least once. */
  sql: TransactionSql;
  /** The same key for the same record on every attempt (UUIDv5, RFC 9562). */
  idempotencyKey(record: number): string;
  /** Fires when the chunk is not this worker's any more; what is not settled then will not count. */
  signal: AbortSignal;
  log: Log;
}

export interface OperationLimits {
  /** Most records that `run` is given at once; the deployment's own limit may be lower. */
  chunkRecords?: number;
}

export interface OperationDefinition<I extends TObject, O extends TObject, S extends TObject> {
  /** Pattern `^[a-z][a-z0-9_]{0,63}$`; also the name of the permission to run it. */
  name: string;
  /** Raised when a batch that is under way must not be continued by the new code. */
  version: number;
  title: string;
  description: string;
  /** A closed object schema (`additionalProperties: false`) whose leaves a cell can hold. */
  input: I;
  output: O;
  /** What a batch may set for this operation; every field needs a default. */
  settings: S;
  /** The codes with which this handler fails records, and what they mean. */
  failures: Readonly<Record<string, string>>;
  limits?: OperationLimits;
  /**
   * Answers one result per record, in the records' order. Called again for the same records after a crash or a
   * retryable fault, and with any subset of a file's records.
   */
  run(
    records: readonly OperationRecord<Static<I>>[],
    context: OperationContext<Static<S>>,
  ): Promise<readonly RecordResult<Static<O>>[]>;
}

/** A definition that was checked and compiled; its types are erased, as a registry holds many. */
export interface Operation {
  name: string;
  version: number;
  title: string;
  description: string;
  input: TObject;
  output: TObject;
  settings: TObject;
  failures: Readonly<Record<string, string>>;
  limits: OperationLimits;
  /** Checks a record's input; the errors name fields, not columns. */
  checkInput: SchemaCheck;
  /** Checks a batch's settings and fills in the defaults. */
  checkSettings: SchemaCheck;
  run(
    records: readonly OperationRecord<unknown>[],
    context: OperationContext<unknown>,
  ): Promise<readonly RecordResult<unknown>[]>;
}

/**
 * Checks a definition and makes an operation of it.
 * @throws {Error} when the definition is wrong, saying what to change; meant to stop the start.
 */
export function defineOperation<I extends TObject, O extends TObject, S extends TObject>(
  definition: OperationDefinition<I, O, S>,
): Operation {
  const problem = (text: string) => new Error(`operation ${JSON.stringify(definition.name)}: ${text}`);

  if (!/^[a-z][a-z0-9_]{0,63}$/.test(definition.name)) {
    throw problem('the name must match ^[a-z][a-z0-9_]{0,63}$');
  }
  if ((PERMISSIONS as readonly string[]).includes(definition.name)) {
    throw problem('this is the name of a route’s permission; choose another');
  }
  if (!Number.isInteger(definition.version) || definition.version < 1) {
    throw problem('the version must be a whole number from 1');
  }
  for (const code of Object.keys(definition.failures)) {
    if (Object.hasOwn(RECORD_ERRORS, code) || code.startsWith('file_')) {
      throw problem(`the failure code ${code} is one of the engine’s own; choose another`);
    }
  }
  try {
    leafFields(definition.input);
    const checkSettings = compileSchema(definition.settings, { useDefaults: true });
    const [unset] = checkSettings({});
    if (unset !== undefined)
      throw new Error(`the setting ${unset.field} ${unset.message}: give it a default`);
    return {
      ...definition,
      limits: definition.limits ?? {},
      checkInput: compileSchema(definition.input),
      checkSettings,
    };
  } catch (error) {
    throw problem(error instanceof Error ? error.message : String(error));
  }
}

/** All operations of a process, by name. */
export class OperationRegistry {
  readonly #byName = new Map<string, Operation>();

  /** @throws {Error} when two operations have the same name. */
  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      if (this.#byName.has(operation.name)) {
        throw new Error(`two operations are named ${operation.name}: rename one of them`);
      }
      this.#byName.set(operation.name, operation);
    }
  }

  get(name: string): Operation | undefined {
    return this.#byName.get(name);
  }

  /** Name and version of every operation here: what this worker may claim. */
  list(): Operation[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
