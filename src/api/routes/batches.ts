import { isTerminal } from '../../core/batch.ts';
import { submitBatch } from '../../engine/submit-batch.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { batchView } from '../batch-view.ts';
import { findBatch } from '../find-batch.ts';
import { answerOnce } from '../idempotency.ts';
import { createdBatch, NEW_BATCH_ERRORS, newBatchAnswer } from '../new-batch.ts';
import { callerOf } from '../plugins/access.ts';
import { type Batch, BatchParams, BatchSchema } from '../schemas/batch.ts';
import { BatchRequestSchema } from '../schemas/batch-request.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function batchRoutes(app: ApiInstance, services: ApiServices): void {
  postBatch(app, services);
  getBatch(app, services);
}

function postBatch(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/batches',
    {
      config: {
        permission: 'create_batch',
        idempotencyKey: 'kept',
        errors: [...NEW_BATCH_ERRORS, 'duplicate_file'],
      },
      schema: {
        operationId: 'createBatch',
        tags: ['Batches'],
        summary: 'Run an operation on every record of an upload',
        description:
          'Accepts the batch and answers at once; workers do the rest. The role of the caller must also allow the operation by its name. An upload makes one batch, besides dry runs.',
        querystring: NoQuery,
        body: reference(BatchRequestSchema),
        response: newBatchAnswer('The batch, in `new`'),
      },
    },
    (request, reply): Promise<Batch> => {
      const account = accountOf(request, services);
      return answerOnce(account, [request, reply], createdBatch, (keep) =>
        submitBatch({ ...services, ...account }, callerOf(request), request.body, keep),
      );
    },
  );
}

function getBatch(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/batches/:batch',
    {
      config: { permission: 'get_batch', errors: ['batch_not_found'] },
      schema: {
        operationId: 'getBatch',
        tags: ['Batches'],
        summary: 'Look at a batch',
        description:
          'Ask again after `Retry-After` seconds; when that header is missing, the batch has ended.',
        params: BatchParams,
        querystring: NoQuery,
        response: {
          200: answer('The batch', BatchSchema, {
            'Retry-After': 'Seconds after which there is something new to see; absent in terminal statuses.',
          }),
        },
      },
    },
    async (request, reply): Promise<Batch> => {
      const row = await findBatch(accountOf(request, services), request.params.batch);
      const batch = batchView(row, Date.now() / 1000);
      if (!isTerminal(batch.status)) reply.header('retry-after', retryAfter(batch));
      return batch;
    },
  );
}

/** As long as the stage may still take at the least: between one second and five. */
function retryAfter(batch: Batch): number {
  const left = batch.progress?.seconds_left?.[0] ?? 1;
  return Math.min(5, Math.max(1, left));
}
