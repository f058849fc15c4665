import { retryBatch } from '../../engine/retry-batch.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { batchId } from '../find-batch.ts';
import { answerOnce } from '../idempotency.ts';
import { createdBatch, NEW_BATCH_ERRORS, newBatchAnswer } from '../new-batch.ts';
import { callerOf } from '../plugins/access.ts';
import { type Batch, BatchParams } from '../schemas/batch.ts';
import { NoQuery, reference } from '../schemas/component.ts';
import { RetryRequestSchema } from '../schemas/retry-request.ts';
import type { ApiInstance } from '../typed-instance.ts';

const DESCRIPTION = `Makes a new batch of just those records of an ended one that failed, or that were not processed, as they stand in its file. The role of the caller must also allow the operation by its name.

A record is in one retry at a time: \`already_retried\` names the batch that has it in hand. A record that has succeeded since, in another batch of the lineage, is left out. A batch that failed cannot be resumed any more once a retry has processed its records. It is deleted, or expires, only when the retry has its copy.`;

export function retryRoutes(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/batches/:batch/retry',
    {
      config: {
        permission: 'create_batch',
        idempotencyKey: 'kept',
        errors: [
          'batch_not_found',
          'not_retriable',
          'already_retried',
          'results_not_ready',
          'results_expired',
          ...NEW_BATCH_ERRORS,
        ],
      },
      schema: {
        operationId: 'retryBatch',
        tags: ['Batches'],
        summary: 'Retry the records of a batch that failed or were not processed',
        description: DESCRIPTION,
        params: BatchParams,
        querystring: NoQuery,
        body: reference(RetryRequestSchema),
        response: newBatchAnswer('The new batch, in `new`'),
      },
    },
    (request, reply): Promise<Batch> => {
      const account = accountOf(request, services);
      const parent = batchId(request.params.batch);
      return answerOnce(account, [request, reply], createdBatch, (keep) =>
        retryBatch({ ...services, ...account }, callerOf(request), parent, request.body, keep),
      );
    },
  );
}
