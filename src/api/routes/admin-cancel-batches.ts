import { type FieldProblem, invalidRequest } from '../../core/errors.ts';
import { type Cancellation, cancelBatches } from '../../engine/cancel-batches.ts';
import { actorOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { memberPointer } from '../member-pointer.ts';
import {
  allFiltersOf,
  type BatchCancellation,
  BatchCancellationSchema,
  type CancelledBatches,
  CancelledBatchesSchema,
} from '../schemas/admin-batches.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import { textFault } from '../text-fault.ts';
import type { ApiInstance } from '../typed-instance.ts';

const DESCRIPTION = `Cancels every batch that fits all the filters and can still be cancelled, the oldest first, each as \`PATCH /admin/batches/{batch}\` would. \`all: true\`, in place of filters, means every batch of every account; without either nothing is cancelled.

One request works through 1,000 of them at the most, and for some 20 seconds at the longest: \`more\` tells whether to send it again. It may be repeated, and sent by several at once. With \`dry_run\` it only answers how many there are.

The audit log has an entry for the request with its filters, and one for each batch that it has cancelled.`;

export function adminCancelBatches(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/admin/batches/cancel',
    {
      config: { permission: 'admin_cancel_batches' },
      schema: {
        operationId: 'cancelBatches',
        tags: ['Administration'],
        summary: 'Cancel all batches that fit',
        description: DESCRIPTION,
        querystring: NoQuery,
        body: reference(BatchCancellationSchema),
        response: { 200: answer('What came of it', CancelledBatchesSchema) },
      },
    },
    async (request): Promise<CancelledBatches> => {
      const cancellation = cancellationOf(request.body);
      const engine = { ...services, batches: services.admin.batches };
      const { alreadyEnded, ...told } = await cancelBatches(engine, actorOf(request), cancellation);
      const { matched, cancelled, more } = told;
      return { matched, cancelled, already_ended: alreadyEnded, more };
    },
  );
}

/** @throws {RequestError} invalid_request: so that nobody cancels everything because a filter was left out */
function cancellationOf(body: BatchCancellation): Cancellation {
  const { all = false, dry_run: dryRun = false, ...filters } = body;
  const problems = textProblems(filters);
  const named = Object.keys(filters).length > 0;
  if (!named && !all) {
    const message = 'must hold at least one filter, or all: true, which means every batch of every account';
    problems.push({ pointer: '', code: 'required', message });
  }
  if (named && all) {
    const message = 'stands for every batch, and goes with no filter';
    problems.push({ pointer: '/all', code: 'not_allowed', message });
  }
  if (problems.length > 0) throw invalidRequest(...problems);
  return { filters: allFiltersOf(filters), asked: all ? { all } : filters, dryRun };
}

/** What the database could not even look for. */
function textProblems(filters: Record<string, unknown>): FieldProblem[] {
  return Object.entries(filters).flatMap(([name, value]) => {
    const fault = typeof value === 'string' ? textFault(value) : null;
    return fault === null ? [] : [{ pointer: memberPointer('', name), ...fault }];
  });
}
