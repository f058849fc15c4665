import Type, { type Static, type TObject } from 'typebox';
import { checkDefinition } from './check-definition.ts';
import { checkTemplate } from './check-template.ts';
import { leafFields } from './field.ts';
import { checkLimits, type OperationLimits } from './limits.ts';
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
  /** `null`: a single call, outside of any batch. */
  batchId: string | null;
  settings: Settings;
  /** The same key for the same record on every attempt, and in retries until an answer was definite (UUIDv5, RFC 9562). */
  idempotencyKey(record: number): string;
  /** Fires when the chunk is not this worker's any more, or the call takes too long; what is not settled then will not count. */
  signal: AbortSignal;
  log: Log;
}

/** Something that happened and that others may want to be told of, under a name such as `cohort.published`. */
export interface OperationEvent {
  type: string;
  data: Readonly<Record<string, unknown>>;
}

/** Of a handler whose effects are in the database. */
export interface TransactionContext<Settings> extends OperationContext<Settings> {
  /**
   * The chunk's transaction: its writes are exactly once. The call runs inside a savepoint: when a statement fails
   * because of a record, the engine undoes the call and makes it again with fewer records, until it has found which.
   */
  sql: TransactionSql;
  /** Keeps events, which are told if and only if the transaction is committed. */
  emit(events: readonly OperationEvent[]): Promise<void>;
}

/** Of a handler whose effects are elsewhere: they are at least once, and the key makes them idempotent. */
export interface OutsideContext<Settings> extends OperationContext<Settings> {
  /** How often the record was tried, this time included. */
  attempt(record: number): number;
}

/** What an operation says when a constraint of the database refuses a record. */
export interface ConstraintFailure {
  /** One of the operation's `failures`. */
  code: string;
  message: string;
  field?: string;
}

/** What a file to fill in shows. */
export interface OperationTemplate<Input> {
  /** Rows that the operation would take. */
  examples: readonly Input[];
  /** What the request for a template may say, besides `format`: a closed object of plain values. */
  parameters?: TObject;
  /**
   * Columns beside those of the input, only to be read: they name no field, so they are ignored, and listed as
   * ignored, when the file comes back. Rows that are filled in have their values under their names.
   */
  shown?: readonly ShownColumn[];
  /**
   * The rows in place of the examples, such as the learners that are to be graded; `null`: the parameters ask for
   * none, and the examples are shown.
   * @throws {RequestError} invalid_request, when a parameter names something that is not there
   */
  fill?(
    parameters: Record<string, unknown>,
    context: { accountId: string; sql: TransactionSql },
  ): Promise<readonly (Partial<Input> & Readonly<Record<string, unknown>>)[] | null>;
}

export interface ShownColumn {
  name: string;
  description: string;
}

interface Definition<I extends TObject, O extends TObject, S extends TObject> {
  /** Pattern `^[a-z][a-z0-9_]{0,63}$`; also the name of the permission to run it. */
  name: string;
  /** Raised when a batch that is under way must not be continued by the new code. */
  version: number;
  title: string;
  description: string;
  /** A closed object schema (`additionalProperties: false`) whose leaves a cell can hold. */
  input: I;
  output: O;
  /** What a batch may set for this operation; every field needs a default. None, if left out. */
  settings?: S;
  /** The codes with which this handler fails records, and what they mean. */
  failures: Readonly<Record<string, string>>;
  limits?: OperationLimits;
  template?: OperationTemplate<Static<I>>;
}

/** An operation that writes to the database: its writes and the chunk's results commit together. */
export interface TransactionDefinition<I extends TObject, O extends TObject, S extends TObject>
  extends Definition<I, O, S> {
  effects?: 'transaction';
  /** What to say of a record that a constraint refuses, by the constraint's name; others are told in general words. */
  constraints?: Readonly<Record<string, ConstraintFailure>>;
  /**
   * Answers one result per record, in the records' order. Called again for the same records after a crash or a
   * retryable fault, and with any subset of a file's records.
   */
  run(
    records: readonly OperationRecord<Static<I>>[],
    context: TransactionContext<Static<S>>,
  ): Promise<readonly RecordResult<Static<O>>[]>;
}

/** An operation that does something outside: a journal keeps what was begun and what came of it. */
export interface OutsideDefinition<I extends TObject, O extends TObject, S extends TObject>
  extends Definition<I, O, S> {
  effects: 'outside';
  /** As whose limits its calls count; operations may share one. Its own name, if left out. */
  target?: string;
  /** As above, for `limits.callRecords` records at once. What it throws says nothing of what came of the records. */
  run(
    records: readonly OperationRecord<Static<I>>[],
    context: OutsideContext<Static<S>>,
  ): Promise<readonly RecordResult<Static<O>>[]>;
}

export type OperationDefinition<I extends TObject, O extends TObject, S extends TObject> =
  | TransactionDefinition<I, O, S>
  | OutsideDefinition<I, O, S>;

interface CheckedDefinition {
  name: string;
  version: number;
  title: string;
  description: string;
  input: TObject;
  output: TObject;
  settings: TObject;
  failures: Readonly<Record<string, string>>;
  limits: OperationLimits;
  template?: OperationTemplate<unknown>;
  /** Checks a record's input; the errors name fields, not columns. */
  checkInput: SchemaCheck;
  checkOutput: SchemaCheck;
  /** Checks a batch's settings and fills in the defaults. */
  checkSettings: SchemaCheck;
}

export interface TransactionOperation extends CheckedDefinition {
  effects: 'transaction';
  constraints: Readonly<Record<string, ConstraintFailure>>;
  run(
    records: readonly OperationRecord<unknown>[],
    context: TransactionContext<unknown>,
  ): Promise<readonly RecordResult<unknown>[]>;
}

export interface OutsideOperation extends CheckedDefinition {
  effects: 'outside';
  target: string;
  run(
    records: readonly OperationRecord<unknown>[],
    context: OutsideContext<unknown>,
  ): Promise<readonly RecordResult<unknown>[]>;
}

/** A definition that was checked and compiled; its types are erased, as a registry holds many. */
export type Operation = TransactionOperation | OutsideOperation;

const NO_SETTINGS = Type.Object({}, { additionalProperties: false });

/**
 * Checks a definition and makes an operation of it.
 * @throws {Error} when the definition is wrong, saying what to change; meant to stop the start.
 */
export function defineOperation<I extends TObject, O extends TObject, S extends TObject = typeof NO_SETTINGS>(
  definition: OutsideDefinition<I, O, S>,
): OutsideOperation;
export function defineOperation<I extends TObject, O extends TObject, S extends TObject = typeof NO_SETTINGS>(
  definition: TransactionDefinition<I, O, S>,
): TransactionOperation;
export function defineOperation<I extends TObject, O extends TObject, S extends TObject>(
  definition: OperationDefinition<I, O, S>,
): Operation {
  try {
    checkDefinition({ ...definition });
    leafFields(definition.input);
    const settings = definition.settings ?? NO_SETTINGS;
    const checkSettings = compileSchema(settings, { useDefaults: true });
    const [unset] = checkSettings({});
    if (unset !== undefined)
      throw new Error(`the setting ${unset.field} ${unset.message}: give it a default`);
    const checked: CheckedDefinition = {
      ...definition,
      settings,
      limits: checkLimits(definition.limits ?? {}, definition.effects),
      checkInput: compileSchema(definition.input),
      checkOutput: compileSchema(definition.output),
      checkSettings,
    };
    if (definition.template !== undefined)
      checkTemplate(definition.template, leafFields(definition.input), checked.checkInput);
    return definition.effects === 'outside'
      ? { ...checked, effects: 'outside', target: definition.target ?? definition.name, run: definition.run }
      : {
          ...checked,
          effects: 'transaction',
          constraints: definition.constraints ?? {},
          run: definition.run,
        };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`operation ${JSON.stringify(definition.name)}: ${what}`, { cause: error });
  }
}

/** All operations of a process. Of one name there may be several versions, so that batches of an older one can end. */
export class OperationRegistry {
  readonly #versions = new Map<string, Operation[]>();

  /** @throws {Error} when two operations have the same name and version. */
  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      const others = this.#versions.get(operation.name) ?? [];
      if (others.some(({ version }) => version === operation.version)) {
        throw new Error(
          `two operations are named ${operation.name}: rename one of them, or raise its version`,
        );
      }
      this.#versions.set(
        operation.name,
        [...others, operation].sort((a, b) => b.version - a.version),
      );
    }
  }

  /** @param version the newest, if left out */
  get(name: string, version?: number): Operation | undefined {
    const versions = this.#versions.get(name);
    return version === undefined ? versions?.[0] : versions?.find((known) => known.version === version);
  }

  /** The newest version of each operation, by name: what can be asked for. */
  list(): Operation[] {
    return [...this.#versions.values()].map(([newest]) => newest!).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Every version of every operation: what this worker may claim. */
  all(): Operation[] {
    return [...this.#versions.values()].flat();
  }
}
