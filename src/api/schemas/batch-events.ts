import { type Static, Type } from 'typebox';
import { BatchSchema } from './batch.ts';
import { batchExample } from './batch-example.ts';
import { component, uuid } from './component.ts';

/** The `data` of the events of a batch; that of `end` is the batch itself. */

const { status_reason, counts, progress, statuses } = BatchSchema.properties;

export const BatchStatusEventSchema = component(
  'BatchStatusEvent',
  Type.Object(
    {
      status: statuses.items.properties.status,
      ts: statuses.items.properties.ts,
      status_reason,
    },
    {
      description:
        'Of the event `status`: one that the batch has entered. Its reason is told if it is the one that the batch is in.',
      examples: [{ ...batchExample.statuses.at(-1), status_reason: null }],
    },
  ),
);

export type BatchStatusEvent = Static<typeof BatchStatusEventSchema>;

export const BatchProgressEventSchema = component(
  'BatchProgressEvent',
  Type.Object(
    { counts, progress },
    {
      description: 'Of the event `progress`: how far the batch is.',
      examples: [{ counts: batchExample.counts, progress: batchExample.progress }],
    },
  ),
);

export type BatchProgressEvent = Static<typeof BatchProgressEventSchema>;

export const BatchGoneEventSchema = component(
  'BatchGoneEvent',
  Type.Object(
    { batch: uuid('Id of the batch that was.') },
    {
      description: 'Of the event `gone`: the batch was deleted.',
      examples: [{ batch: batchExample.batch }],
    },
  ),
);

export type BatchGoneEvent = Static<typeof BatchGoneEventSchema>;

export const EventStreamSchema = Type.String({
  description: 'As long as there is something to tell.',
  examples: [
    'id: 1\nevent: status\ndata: {"status":"new","ts":1795300000.123,"status_reason":null}\n\nevent: progress\ndata: {"counts":{…},"progress":{…}}\n\n',
  ],
});

export const BatchEventsHeaders = Type.Object({
  'Last-Event-ID': Type.Optional(
    Type.String({
      description:
        'The `id` of the last event that arrived, as an `EventSource` sends it by itself: what came before is not sent again. One that is none of this batch is ignored.',
    }),
  ),
});
