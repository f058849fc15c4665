import { type BatchStatus, isTerminal } from '../../core/batch.ts';
import { RequestError } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import type { BatchRow } from '../../engine/ports/request-stores.ts';
import type { ResultFile } from '../../engine/ports/work-store.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { findBatch } from '../find-batch.ts';
import { callerOf } from '../plugins/access.ts';
import { BatchParams } from '../schemas/batch.ts';
import { answer } from '../schemas/component.ts';
import { type ResultFiles, ResultFilesSchema, ResultsQuery } from '../schemas/results.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function resultRoutes(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/batches/:batch/results',
    {
      config: {
        permission: 'get_batch',
        errors: ['batch_not_found', 'format_not_written', 'results_not_ready'],
      },
      schema: {
        operationId: 'getResults',
        tags: ['Batches'],
        summary: 'Get the result files',
        description: 'Answers presigned URLs as soon as `results_ready` of the batch is true.',
        params: BatchParams,
        querystring: ResultsQuery,
        response: { 200: answer('The files', ResultFilesSchema) },
      },
    },
    async (request): Promise<ResultFiles> => {
      const row = await findBatch(services, callerOf(request).accountId, request.params.batch);
      const files = chosenFiles(writtenFiles(row), request.query.format);
      return { files: await Promise.all(files.map((file) => linkTo(services, row.id, file))) };
    },
  );
}

function writtenFiles(row: BatchRow): readonly ResultFile[] {
  if (row.resultsReady && row.results !== null) return row.results;
  const status = row.status as BatchStatus;
  const why = isTerminal(status)
    ? `the batch ended in ${status}, and no result files have been written for it`
    : `the batch is in ${status}; ask again when its results_ready is true`;
  throw new RequestError('results_not_ready', why);
}

/** The manifest tells of the other files, so it goes with every choice and is none itself. */
function chosenFiles(files: readonly ResultFile[], format: string | undefined): readonly ResultFile[] {
  if (format === undefined) return files;
  const written = new Set<string>(files.filter(({ kind }) => kind !== 'manifest').map((file) => file.format));
  if (!written.has(format)) {
    const detail = `the results were not written as ${shortened(format)}; there is ${[...written].join(', ')}`;
    throw new RequestError('format_not_written', detail);
  }
  return files.filter((file) => file.kind === 'manifest' || file.format === format);
}

async function linkTo(
  services: ApiServices,
  batchId: string,
  file: ResultFile,
): Promise<ResultFiles['files'][number]> {
  const { kind, format, key, bytes, sha256, records } = file;
  const get = await services.objects.presignGet(key, `${batchId}-${kind}.${format}`);
  return {
    kind,
    format,
    url: get.url,
    bytes,
    sha256,
    records,
    expires_ts: milliseconds(get.expiresAt / 1000),
  };
}
