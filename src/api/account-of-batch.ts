import type { FastifyRequest } from 'fastify';
import type { AccountServices } from '../account-services.ts';
import { RequestError } from '../core/errors.ts';
import type { BatchOfAny } from '../engine/ports/admin-store.ts';
import { actorOf } from './account-of.ts';
import type { ApiServices } from './api-services.ts';
import { batchId } from './find-batch.ts';
import type { AdminBatch } from './schemas/admin-batches.ts';
import type { Batch } from './schemas/batch.ts';

/** How an admin reaches into other accounts: by the batch, and never further than an admin of that account would. */

type Owner = Pick<BatchOfAny, 'accountId' | 'accountName' | 'user'>;

export interface OwnedBatch {
  id: string;
  owner: Owner;
  /** The batch's account, which notes what the admin changes as done by them. */
  account: AccountServices;
}

/** @throws {RequestError} batch_not_found, also for what cannot be the id of a batch */
export async function accountOfBatch(
  request: FastifyRequest,
  services: Pick<ApiServices, 'account' | 'admin'>,
  text: string,
): Promise<OwnedBatch> {
  const id = batchId(text);
  const owner = await services.admin.batches.ownerOf(id);
  if (owner === null) throw new RequestError('batch_not_found', 'there is no batch with this id');
  return { id, owner, account: services.account({ ...actorOf(request), accountId: owner.accountId }) };
}

/** @param batch the row as the account itself is answered with */
export function adminBatchView(batch: Batch, { accountId, accountName, user }: Owner): AdminBatch {
  const account = { account: accountId, name: accountName };
  return { ...batch, account, user, links: { self: `/admin/batches/${batch.batch}` } };
}
