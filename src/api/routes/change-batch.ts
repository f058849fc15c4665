import { changeBatch } from '../../engine/change-batch.ts';
import { deleteBatch } from '../../engine/delete-batch.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { batchView } from '../batch-view.ts';
import { batchId } from '../find-batch.ts';
import { callerOf } from '../plugins/access.ts';
import { type Batch, BatchParams, BatchSchema } from '../schemas/batch.ts';
import { type BatchDeletion, BatchDeletionSchema, BatchPatchSchema } from '../schemas/batch-change.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function batchChangeRoutes(app: ApiInstance, services: ApiServices): void {
  patchBatch(app, services);
  removeBatch(app, services);
}

const OF_A_PATCH = `Does all that the body asks for, or nothing.

- \`status: cancel\` stops the batch: no record is begun any more, what is done keeps its results, and the records that were not processed come as a file that can be submitted again. May be repeated while the batch is in \`cancel\`, \`cancelling\` or \`cancelled\`; \`not_cancellable\` from \`writing_results\` on and once it has ended in another way.
- \`status: resume\` lets a batch in \`failed\` go on where it failed, if it is \`resumable\`: what is done stays done. One that failed at its limit of failures (\`failure_limit\`) needs a higher \`stop_after\` with it, or null. One whose right was withdrawn (\`permission_withdrawn\`) goes on on behalf of whoever resumes it, whose role must allow its operation: \`forbidden\` otherwise.
- \`metadata\` takes the place of all the metadata that there is, in any status.`;

function patchBatch(app: ApiInstance, services: ApiServices): void {
  app.patch(
    '/batches/:batch',
    {
      config: {
        permission: 'update_batch',
        errors: [
          'batch_not_found',
          'not_cancellable',
          'not_resumable',
          'too_many_batches',
          'upload_used',
          'upload_in_use',
          'upload_expired',
          'upload_invalidated',
        ],
      },
      schema: {
        operationId: 'changeBatch',
        tags: ['Batches'],
        summary: 'Cancel a batch, resume one that failed, or change its metadata',
        description: OF_A_PATCH,
        params: BatchParams,
        querystring: NoQuery,
        body: reference(BatchPatchSchema),
        response: { 200: answer('The batch as it is now', BatchSchema) },
      },
    },
    async (request): Promise<Batch> => {
      const id = batchId(request.params.batch);
      const row = await changeBatch(
        { ...services, ...accountOf(request, services) },
        callerOf(request),
        id,
        request.body,
      );
      return batchView(row, Date.now() / 1000);
    },
  );
}

function removeBatch(app: ApiInstance, services: ApiServices): void {
  app.delete(
    '/batches/:batch',
    {
      config: { permission: 'delete_batch', errors: ['batch_not_found'] },
      schema: {
        operationId: 'deleteBatch',
        tags: ['Batches'],
        summary: 'Delete a batch with its files',
        description:
          'Records the wish, and may be repeated. A batch that runs is cancelled first where it can be; any other is deleted as soon as it has ended. It then is in `deleting` while its files are removed, and afterwards nothing finds it any more; the same request again is still answered so for about an hour.',
        params: BatchParams,
        querystring: NoQuery,
        response: { 202: answer('The wish is recorded', BatchDeletionSchema) },
      },
    },
    async (request, reply): Promise<BatchDeletion> => {
      const batch = batchId(request.params.batch);
      const { status } = await deleteBatch({ ...services, ...accountOf(request, services) }, batch);
      reply.code(202);
      return { batch, status };
    },
  );
}
