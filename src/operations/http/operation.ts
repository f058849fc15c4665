import type { TObject } from 'typebox';
import { isNameOfRoutes } from '../../core/access.ts';
import { AddressRules } from '../../core/address-rules.ts';
import { RECORD_ERRORS } from '../../core/errors.ts';
import { type Field, leafFields } from '../../core/field.ts';
import { HttpFailure, type SendRequest } from '../../core/http.ts';
import { defineOperation, type OutsideOperation } from '../../core/operation.ts';
import type { RecordResult } from '../../core/result.ts';
import { compileSchema } from '../../core/schema.ts';
import { checkedDefinition } from './check-definition.ts';
import { closedSchema } from './closed-schema.ts';
import { at, wrong } from './definition-error.ts';
import type { HttpDefinition } from './definition-schema.ts';
import { HTTP_FAILURES, resultOfFailure } from './failures.ts';
import { Judge } from './judge.ts';
import { limitsOf, timeoutSecondsOf } from './limits.ts';
import { OutputMap } from './output-map.ts';
import { Redactor, SHORTEST_SECRET } from './redact.ts';
import { RequestBuilder } from './request-builder.ts';
import { RequestInvalid } from './request-invalid.ts';
import { type Scope, TemplateReader } from './template.ts';

export interface HttpParts {
  send: SendRequest;
  /** The value of a secret; `undefined` if nobody has set it. */
  secret(name: string): string | undefined;
}

const DEFAULT_MAX_BYTES = 1_048_576;

type Output = Record<string, unknown>;

/**
 * Makes an operation of what a YAML file says: each record becomes a request, and its answer the record’s result.
 * @throws {DefinitionError} saying where the definition is wrong, and what to change
 */
export function httpOperation(definition: unknown, parts: HttpParts): OutsideOperation {
  const checked = checkedDefinition(definition);
  const input = at(['input'], () => checkedSchema(closedSchema(checked.input, true)));
  const output = at(['output'], () => checkedSchema(closedSchema(checked.output, false)));
  const fields = at(['input'], () => leafFields(input));
  checkNames(checked, fields);
  const secrets = secretsOf(checked, parts);
  const requests = new RequestBuilder(checked.request, new TemplateReader(fields, secrets));
  const call = callOf(checked, parts.send, {
    requests,
    judge: new Judge(checked, {
      output: new OutputMap(checked.response?.output ?? {}, output),
      redactor: new Redactor(secrets.values()),
      maxBytes: checked.response?.max_bytes ?? DEFAULT_MAX_BYTES,
    }),
  });
  const { name, version, title, description } = checked;
  return at([], () =>
    defineOperation({
      name,
      version,
      title,
      description,
      input,
      output,
      effects: 'outside',
      target: checked.target ?? requests.origin,
      failures: failuresOf(checked),
      limits: limitsOf(checked),
      run: async (records, context) =>
        await Promise.all(
          records.map(({ number, input }) =>
            call({ input, key: context.idempotencyKey(number) }, context.signal),
          ),
        ),
    }),
  );
}

function callOf(
  { allow_private = false, response, timeout_seconds }: HttpDefinition,
  send: SendRequest,
  { requests, judge }: { requests: RequestBuilder; judge: Judge },
): (scope: Scope, signal: AbortSignal) => Promise<RecordResult<Output>> {
  at(['allow_private'], () => new AddressRules(allow_private));
  const bounds = {
    timeoutMs: timeoutSecondsOf({ timeout_seconds }) * 1000,
    maxBytes: response?.max_bytes ?? DEFAULT_MAX_BYTES,
    allowPrivate: allow_private,
  };
  return async (scope, signal) => {
    try {
      return judge.resultOf(await send({ ...requests.build(scope), ...bounds }, signal));
    } catch (error) {
      if (error instanceof RequestInvalid) return error.asResult();
      if (error instanceof HttpFailure) return resultOfFailure(error);
      throw error;
    }
  };
}

function checkedSchema(schema: TObject): TObject {
  compileSchema(schema);
  return schema;
}

/** @throws {DefinitionError} when a name is one that others have, or a field is none */
function checkNames({ name, failure = [] }: HttpDefinition, fields: readonly Field[]): void {
  if (isNameOfRoutes(name))
    throw wrong(['name'], 'is the name of a route’s permission, or begins with admin_; choose another');
  const known = fields.map((field) => field.name);
  for (const [index, { code, field }] of failure.entries()) {
    if (Object.hasOwn(RECORD_ERRORS, code) || code.startsWith('file_'))
      throw wrong(['failure', index, 'code'], `is a code of Sheaf’s own; choose another than ${code}`);
    if (field !== undefined && !known.includes(field))
      throw wrong(['failure', index, 'field'], `is no field of the input; there are ${known.join(', ')}`);
  }
}

/** @throws {DefinitionError} when one is not set; its value is never told */
function secretsOf({ secrets = [] }: HttpDefinition, parts: HttpParts): Map<string, string> {
  return new Map(
    secrets.map((name, index): [string, string] => {
      const value = parts.secret(name);
      if (value === undefined || value === '')
        throw wrong(['secrets', index], `has no value: set the secret ${name}, or take it off the list`);
      if (value.length < SHORTEST_SECRET)
        throw wrong(
          ['secrets', index],
          `is set to fewer than ${SHORTEST_SECRET} characters, too few to be kept out of results: take a longer one`,
        );
      return [name, value];
    }),
  );
}

/** The codes of the operation’s own rules mean what the first rule with the code says. */
function failuresOf({ failure = [] }: HttpDefinition): Record<string, string> {
  const own = failure.map(({ code, message }): [string, string] => [code, message]);
  return { ...Object.fromEntries(own.reverse()), ...HTTP_FAILURES };
}
