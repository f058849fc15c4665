import type { OutgoingHttpHeaders } from 'node:http';
import { isOver } from '../../engine/watch-batch.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { receivedBy } from '../batch-feed.ts';
import { findBatch } from '../find-batch.ts';
import { OpenFeeds } from '../open-feeds.ts';
import { BatchParams } from '../schemas/batch.ts';
import { BatchEventsHeaders, EventStreamSchema } from '../schemas/batch-events.ts';
import { NoQuery } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';

const EVENT_STREAM = 'text/event-stream';

/** The connection is not used again, as a server that stops would have to wait for it; no proxy is to hold events back. */
const STREAM_HEADERS = { 'content-type': EVENT_STREAM, 'x-accel-buffering': 'no', connection: 'close' };

const DESCRIPTION = `Server-sent events, as an \`EventSource\` reads them. Each has a name (\`event\`) and JSON (\`data\`):

- \`status\`: a status that the batch has entered (\`BatchStatusEvent\`). None is left out and none comes twice, in order; first come those that it had before.
- \`progress\`: counts and progress (\`BatchProgressEvent\`), at once and then when they have changed, about once a second at the most. A reader that is slow gets fewer of them.
- \`end\`: the batch has ended and its result files can be downloaded; the data is the batch, as \`GET /batches/{batch}\` answers it. Nothing follows: close the stream.
- \`gone\`: the batch was deleted (\`BatchGoneEvent\`). Nothing follows.

A comment comes every 15 seconds. A stream that is closed without \`end\` or \`gone\`, which happens after an hour at the latest, and within seconds of the end of the token, the key or the right to see the batch, is opened again with the header \`Last-Event-ID\`, and goes on where it was.`;

export function batchEvents(app: ApiInstance, services: ApiServices): void {
  const feeds = new OpenFeeds(services);
  app.addHook('preClose', async () => feeds.close());

  app.get(
    '/batches/:batch/events',
    {
      config: { permission: 'get_batch', errors: ['batch_not_found'] },
      schema: {
        operationId: 'followBatch',
        tags: ['Batches'],
        summary: 'Follow a batch as it goes on',
        description: DESCRIPTION,
        params: BatchParams,
        querystring: NoQuery,
        headers: BatchEventsHeaders,
        response: {
          200: { description: 'The events', content: { [EVENT_STREAM]: { schema: EventStreamSchema } } },
          204: {
            type: 'null',
            description:
              'The batch has ended, and `Last-Event-ID` says that `end` has arrived: do not come back.',
          },
        },
      },
    },
    async (request, reply) => {
      const account = accountOf(request, services);
      const batch = await findBatch(account, request.params.batch);
      const received = receivedBy(request.headers['last-event-id'], batch);
      if (received.end && received.statuses === batch.statuses.length && isOver(batch)) {
        return reply.code(204).send(null);
      }
      feeds.checkRoom(batch.accountId);
      reply.hijack();
      reply.raw.writeHead(200, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...STREAM_HEADERS });
      if (request.method === 'HEAD') reply.raw.end();
      else {
        const isStillAdmitted = () => request.isStillAdmitted();
        feeds.open(reply.raw, { batches: account.batches, isStillAdmitted }, batch, received.statuses);
      }
      return reply;
    },
  );
}
