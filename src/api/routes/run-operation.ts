import type { FastifyReply, FastifySchemaCompiler } from 'fastify';
import type { TObject } from 'typebox';
import { invalidRequest, RECORD_ERRORS, RequestError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import { shortened } from '../../core/result.ts';
import { readSingle } from '../../engine/read-single.ts';
import { RecordFailed } from '../../engine/record-failed.ts';
import { runOperation } from '../../engine/run-operation.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { answerOnce, REPLAYED } from '../idempotency.ts';
import { RecordBody } from '../json-body.ts';
import { callerOf } from '../plugins/access.ts';
import { sendFailure } from '../problem.ts';
import type { Query } from '../query-check.ts';
import { NoQuery } from '../schemas/component.ts';
import { OperationParams } from '../schemas/operation.ts';
import { type OperationResult, operationResult } from '../schemas/operation-result.ts';
import { settingsFrom } from '../settings-query.ts';
import type { ApiInstance } from '../typed-instance.ts';

/** A route for each operation, so that the document tells of each what it takes and what it answers. */
export function runOperationRoutes(app: ApiInstance, services: ApiServices): void {
  for (const operation of services.operations.list()) runRoute(app, services, operation);
  app.post(
    '/operations/:name',
    {
      config: { permission: 'named', idempotencyKey: 'needless', errors: ['operation_not_found'] },
      schema: { hide: true, params: OperationParams, body: {} },
      validatorCompiler: unchecked,
    },
    async (request): Promise<never> => {
      const detail = `there is no operation ${shortened(request.params.name)}; GET /operations lists them`;
      throw new RequestError('operation_not_found', detail);
    },
  );
}

function runRoute(app: ApiInstance, services: ApiServices, operation: Operation): void {
  const { name, title, description, input, output, settings, template } = operation;
  const failures = { ...OF_RECORDS, ...operation.failures };
  app.post(
    `/operations/${name}`,
    {
      bodyLimit: services.settings.recordBytes,
      config: {
        permission: { operation: name },
        record: true,
        idempotencyKey: 'kept',
        errors: ['outcome_unknown'],
        failures,
      },
      schema: {
        operationId: `run${pascal(name)}`,
        tags: ['Operations'],
        summary: title,
        description: `${description}\n\n${HOW}`,
        querystring: parametersOf(settings),
        body: template === undefined ? input : { ...input, examples: [...template.examples] },
        response: { 200: answerOf(operationResult(output), REPLAYED) },
      },
      // A record is read as one of a file is, and told of in the same words.
      validatorCompiler: unchecked,
    },
    async (request, reply): Promise<OperationResult> => {
      const caller = callerOf(request);
      const account = accountOf(request, services);
      const key = request.headers['idempotency-key'];
      const ofCall = settingsFrom(operation, request.query as Query);
      try {
        const read = readSingle(operation, textOf(request.body), services.settings);
        const call = { operation, input: read, settings: ofCall, key: key === undefined ? key : String(key) };
        return await answerOnce(account, [request, reply], succeeded, async (keep) => {
          return await runOperation({ ...services, ...account }, caller, call, keep);
        });
      } catch (error) {
        if (error instanceof RecordFailed) return failed(reply, error, failures);
        throw error;
      }
    },
  );
}

/** What the one record of a call can fail with: it has no cells, and its whole is a matter of the request. */
const NOT_OF_CALLS =
  /^(cells_|cell_(error|not|date)|quote_|custom_id_|rest_|record_|ambiguous_|json_malformed|outcome_)/;

const OF_RECORDS = Object.fromEntries(
  Object.entries<string>(RECORD_ERRORS).filter(([code]) => !NOT_OF_CALLS.test(code)),
);

function textOf(body: unknown): string {
  if (body instanceof RecordBody) return body.text;
  const message = 'must be a JSON object, sent with the header Content-Type: application/json';
  throw invalidRequest({ pointer: '', code: 'required', message });
}

const HOW =
  'Runs on one record, as in a batch of one: the body is the record, the query has the settings. When it fails, whatever it did in the database is undone.';

const succeeded = (output: unknown) => ({
  status: 200,
  headers: {},
  body: { status: 'succeeded', output } satisfies OperationResult,
});

function failed(reply: FastifyReply, { errors }: RecordFailed, failures: Record<string, string>): never {
  const title = failures[errors[0]!.code] ?? 'The record failed';
  return sendFailure(reply, errors, title) as never;
}

/** The settings as parameters, each of which says what it is. */
function parametersOf(settings: TObject): object {
  const entries = Object.entries(settings.properties);
  if (entries.length === 0) return NoQuery;
  const told = entries.map(([name, schema]) => [
    name,
    { description: 'A setting of the operation.', ...schema },
  ]);
  return { ...settings, properties: Object.fromEntries(told) };
}

const unchecked: FastifySchemaCompiler<unknown> = () => (value: unknown) => ({ value });

function answerOf(schema: object, headers: Record<string, string>): object {
  const named = Object.entries(headers).map(([name, text]) => [name, { type: 'string', description: text }]);
  const description = 'The record succeeded, and this is what came of it';
  return { description, headers: Object.fromEntries(named), content: { 'application/json': { schema } } };
}

/** `create_learner` → `CreateLearner`. */
function pascal(name: string): string {
  return name.replaceAll(/(?:^|_+)([a-z0-9]?)/g, (_, letter: string) => letter.toUpperCase());
}
