import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { listedBatch } from '../batch-view.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { type BatchPage, BatchPageSchema } from '../schemas/batch.ts';
import { BatchesQuery, filtersOf } from '../schemas/batches-query.ts';
import { answer } from '../schemas/component.ts';
import { MOST_COLUMNS_LISTED } from '../schemas/read.ts';
import type { ApiInstance } from '../typed-instance.ts';

const PAGE = 20;

export function listBatches(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/batches',
    {
      config: { permission: 'get_batches' },
      schema: {
        operationId: 'listBatches',
        tags: ['Batches'],
        summary: 'List the batches of the account',
        description: `Newest first. Every filter that is given must fit; give the same ones again with \`cursor\`. Each item is the batch as \`GET /batches/{batch}\` has it, but with at most ${MOST_COLUMNS_LISTED} of \`read.columns\`, and without what was coerced in them, \`error_codes\` and \`first_errors\`.`,
        querystring: BatchesQuery,
        response: { 200: answer('A page of batches', BatchPageSchema) },
      },
    },
    async (request): Promise<BatchPage> => {
      const { limit = PAGE, cursor } = request.query;
      // One more than asked for tells whether there is another page.
      const rows = await accountOf(request, services).batches.list({
        limit: limit + 1,
        filters: filtersOf(request.query),
        ...(cursor !== undefined && { before: decodeCursor(cursor) }),
      });
      const now = Date.now() / 1000;
      const items = rows.slice(0, limit).map((row) => listedBatch(row, now));
      const last = rows.length > limit ? items.at(-1) : undefined;
      return { items, next_cursor: last === undefined ? null : encodeCursor(last.batch) };
    },
  );
}
