import { isTerminal } from '../../core/batch.ts';
import { RequestError } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import type { ResultFile, ResultKind } from '../../engine/ports/batch-results.ts';
import type { BatchRow } from '../../engine/ports/request-stores.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { findBatch } from '../find-batch.ts';
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
        errors: ['batch_not_found', 'format_not_written', 'results_not_ready', 'results_expired'],
      },
      schema: {
        operationId: 'getResults',
        tags: ['Batches'],
        summary: 'Get the result files',
        description:
          'Answers presigned URLs as soon as `results_ready` of the batch is true, and until its files are removed (`expires_ts`). A batch that ended before there was anything to tell of its records (in `hash_mismatch`, or cancelled before the file was copied) has none: `files` is empty.',
        params: BatchParams,
        querystring: ResultsQuery,
        response: { 200: answer('The files', ResultFilesSchema) },
      },
    },
    async (request): Promise<ResultFiles> => {
      const row = await findBatch(accountOf(request, services), request.params.batch);
      const files = chosenFiles(row, request.query.format);
      return { files: await Promise.all(files.map((file) => linkTo(services, row.id, file))) };
    },
  );
}

function writtenFiles(row: BatchRow): readonly ResultFile[] {
  if (row.expired) {
    throw new RequestError('results_expired', 'the result files were kept until expires_ts, and are removed');
  }
  if (row.resultsReady && row.results !== null) return row.results;
  const why = isTerminal(row.status)
    ? `the batch ended in ${row.status}, and no result files have been written for it`
    : `the batch is in ${row.status}; ask again when its results_ready is true`;
  throw new RequestError('results_not_ready', why);
}

function chosenFiles(row: BatchRow, format: string | undefined): readonly ResultFile[] {
  const files = writtenFiles(row);
  if (format === undefined) return files;
  const formats: readonly string[] = row.resultsFormats;
  if (!formats.includes(format)) {
    const detail = `the results were not written as ${shortened(format)}; there is ${formats.join(', ')}`;
    throw new RequestError('format_not_written', detail);
  }
  // What was not processed must be found, also where it could not be written in the format that was chosen.
  const given = files.some((file) => file.kind === 'unprocessed' && file.format === format);
  const others: readonly ResultKind[] = given ? ['manifest'] : ['manifest', 'unprocessed'];
  return files.filter((file) => file.format === format || others.includes(file.kind));
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
