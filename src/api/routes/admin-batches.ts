import { changeBatch } from '../../engine/change-batch.ts';
import { deleteBatch } from '../../engine/delete-batch.ts';
import { accountOfBatch, adminBatchView } from '../account-of-batch.ts';
import type { ApiServices } from '../api-services.ts';
import { batchView, listedBatch } from '../batch-view.ts';
import { findBatch } from '../find-batch.ts';
import { pageById } from '../page.ts';
import { callerOf } from '../plugins/access.ts';
import {
  type AdminBatch,
  AdminBatchesQuery,
  type AdminBatchPage,
  AdminBatchPageSchema,
  AdminBatchPatchSchema,
  AdminBatchSchema,
  allFiltersOf,
} from '../schemas/admin-batches.ts';
import { BatchParams } from '../schemas/batch.ts';
import { type BatchDeletion, BatchDeletionSchema } from '../schemas/batch-change.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function adminBatchRoutes(app: ApiInstance, services: ApiServices): void {
  getBatches(app, services);
  getBatch(app, services);
  patchBatch(app, services);
  removeBatch(app, services);
}

const tags = ['Administration'];

function getBatches(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/admin/batches',
    {
      config: { permission: 'admin_get_batches' },
      schema: {
        operationId: 'listAllBatches',
        tags,
        summary: 'List the batches of all accounts',
        description:
          'Newest first, as `GET /batches` has them, and with the same filters besides `account`. A filter that nothing helps to find, such as a search, has to be narrowed where there are millions of batches: by account, or by when they were accepted.',
        querystring: AdminBatchesQuery,
        response: { 200: answer('A page of batches', AdminBatchPageSchema) },
      },
    },
    async (request): Promise<AdminBatchPage> => {
      const now = Date.now() / 1000;
      const filters = allFiltersOf(request.query);
      return await pageById(
        request.query,
        (page) => services.admin.batches.list({ ...page, filters }),
        (row) => adminBatchView(listedBatch(row, now), row),
      );
    },
  );
}

function getBatch(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/admin/batches/:batch',
    {
      config: { permission: 'admin_get_batch', errors: ['batch_not_found'] },
      schema: {
        operationId: 'getAnyBatch',
        tags,
        summary: 'Look at a batch of any account',
        params: BatchParams,
        querystring: NoQuery,
        response: { 200: answer('The batch', AdminBatchSchema) },
      },
    },
    async (request): Promise<AdminBatch> => {
      const { id, owner, account } = await accountOfBatch(request, services, request.params.batch);
      return adminBatchView(batchView(await findBatch(account, id), Date.now() / 1000), owner);
    },
  );
}

function patchBatch(app: ApiInstance, services: ApiServices): void {
  app.patch(
    '/admin/batches/:batch',
    {
      config: { permission: 'admin_update_batch', errors: ['batch_not_found', 'not_cancellable'] },
      schema: {
        operationId: 'cancelAnyBatch',
        tags,
        summary: 'Cancel a batch of any account',
        description:
          'As `PATCH /batches/{batch}` does in the account itself; whose admin did it is in the audit log. To resume a batch, or to change its metadata, is the account’s business.',
        params: BatchParams,
        querystring: NoQuery,
        body: reference(AdminBatchPatchSchema),
        response: { 200: answer('The batch as it is now', AdminBatchSchema) },
      },
    },
    async (request): Promise<AdminBatch> => {
      const { id, owner, account } = await accountOfBatch(request, services, request.params.batch);
      const row = await changeBatch({ ...services, ...account }, callerOf(request), id, request.body);
      return adminBatchView(batchView(row, Date.now() / 1000), owner);
    },
  );
}

function removeBatch(app: ApiInstance, services: ApiServices): void {
  app.delete(
    '/admin/batches/:batch',
    {
      config: { permission: 'admin_delete_batch', errors: ['batch_not_found'] },
      schema: {
        operationId: 'deleteAnyBatch',
        tags,
        summary: 'Delete a batch of any account with its files',
        description: 'Records the wish, as `DELETE /batches/{batch}` does; may be repeated.',
        params: BatchParams,
        querystring: NoQuery,
        response: { 202: answer('The wish is recorded', BatchDeletionSchema) },
      },
    },
    async (request, reply): Promise<BatchDeletion> => {
      const { id, account } = await accountOfBatch(request, services, request.params.batch);
      const { status } = await deleteBatch({ ...services, ...account }, id);
      reply.code(202);
      return { batch: id, status };
    },
  );
}
