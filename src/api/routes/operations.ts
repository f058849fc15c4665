import type { Caller } from '../../core/access.ts';
import { RequestError } from '../../core/errors.ts';
import { DEFAULT_ATTEMPTS, type OperationLimits, type Rate } from '../../core/limits.ts';
import type { Operation } from '../../core/operation.ts';
import { shortened } from '../../core/result.ts';
import type { EngineSettings } from '../../engine/settings.ts';
import type { ApiServices } from '../api-services.ts';
import { callerOf } from '../plugins/access.ts';
import { answer, NoQuery } from '../schemas/component.ts';
import {
  type OperationPage,
  OperationPageSchema,
  OperationParams,
  type OperationView,
  OperationViewSchema,
} from '../schemas/operation.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function operationRoutes(app: ApiInstance, { operations, settings }: ApiServices): void {
  app.get(
    '/operations',
    {
      config: { permission: 'get_operations' },
      schema: {
        operationId: 'listOperations',
        tags: ['Operations'],
        summary: 'List the operations',
        querystring: NoQuery,
        response: { 200: answer('All operations, by name', OperationPageSchema) },
      },
    },
    async (request): Promise<OperationPage> => ({
      items: operations.list().map((operation) => operationView(operation, settings, callerOf(request))),
      next_cursor: null,
    }),
  );

  app.get(
    '/operations/:name',
    {
      config: { permission: 'get_operations', errors: ['operation_not_found'] },
      schema: {
        operationId: 'getOperation',
        tags: ['Operations'],
        summary: 'Look at an operation',
        params: OperationParams,
        querystring: NoQuery,
        response: { 200: answer('The operation', OperationViewSchema) },
      },
    },
    async (request): Promise<OperationView> => {
      const { name } = request.params;
      const operation = operations.get(name);
      if (operation === undefined) {
        const detail = `there is no operation ${shortened(name)}; GET /operations lists them`;
        throw new RequestError('operation_not_found', detail);
      }
      return operationView(operation, settings, callerOf(request));
    },
  );
}

function operationView(operation: Operation, settings: EngineSettings, caller: Caller): OperationView {
  const { name, version, title, description, effects, failures, limits } = operation;
  return {
    name,
    version,
    title,
    description,
    input: { ...operation.input },
    output: { ...operation.output },
    settings: { ...operation.settings },
    effects,
    failures: { ...failures },
    limits: limitsOf(limits, settings, caller),
    links: linksTo(name),
  };
}

function limitsOf(
  limits: OperationLimits,
  settings: EngineSettings,
  { limits: own }: Caller,
): OperationView['limits'] {
  const { chunkRecords, concurrency, rate, timeoutSeconds, attempts = DEFAULT_ATTEMPTS } = limits;
  return {
    file_bytes: own.fileBytes,
    file_records: own.records,
    record_bytes: settings.recordBytes,
    cell_bytes: settings.cellBytes,
    chunk_records: Math.min(chunkRecords ?? Number.POSITIVE_INFINITY, settings.chunk.records),
    ...(concurrency !== undefined && { concurrency }),
    ...(rate !== undefined && { rate: rateOf(rate) }),
    ...(timeoutSeconds !== undefined && { timeout_seconds: timeoutSeconds }),
    attempts,
  };
}

function rateOf({ records, seconds, per, lockSeconds }: Rate) {
  return { records, seconds, per, ...(lockSeconds !== undefined && { lock_seconds: lockSeconds }) };
}

function linksTo(name: string): OperationView['links'] {
  const run = `/operations/${name}`;
  return { run, template_csv: `${run}/template?format=csv`, template_xlsx: `${run}/template?format=xlsx` };
}
