import { Type } from 'typebox';
import { RequestError } from '../../core/errors.ts';
import { completeUpload } from '../../engine/complete-upload.ts';
import { createMultipartUpload, type MadeMultipartUpload } from '../../engine/create-multipart-upload.ts';
import { createUpload, type MadeUpload } from '../../engine/create-upload.ts';
import { invalidateUpload } from '../../engine/invalidate-upload.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { answerOnce, REPLAYED } from '../idempotency.ts';
import { callerOf } from '../plugins/access.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import {
  CompletedPartsSchema,
  type CompletedUpload,
  CompletedUploadSchema,
  type PartsTicket,
  PartsTicketSchema,
  UploadParams,
  UploadRequestSchema,
  type UploadTicket,
  UploadTicketSchema,
} from '../schemas/upload.ts';
import type { ApiInstance } from '../typed-instance.ts';
import { isUuid } from '../uuid.ts';

/** Ten thousand parts with their ETags, and room for blanks. */
const LARGEST_PARTS_BODY = 4 * 1024 ** 2;

export function uploadRoutes(app: ApiInstance, services: ApiServices): void {
  postUpload(app, services);
  postParts(app, services);
  deleteUpload(app, services);
}

const TICKETS = Type.Union([reference(UploadTicketSchema), reference(PartsTicketSchema)]);
const ticketAnswer = {
  ...answer('What fills the upload: with `parts`, a PUT for each of them', UploadTicketSchema, REPLAYED),
  content: { 'application/json': { schema: TICKETS } },
};

function postUpload(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/uploads',
    {
      config: {
        permission: 'create_upload_url',
        errors: ['storage_full'],
        optionalBody: true,
        idempotencyKey: 'kept',
      },
      schema: {
        operationId: 'createUpload',
        tags: ['Uploads'],
        summary: 'Make a place for a file',
        description:
          'Answers a presigned PUT: send the file to `url` with `headers`, then create a batch of `handler`. The body may be left out. With `parts` it answers a PUT for each part instead: send them in any order, several at once if you like, then complete the upload.',
        querystring: NoQuery,
        body: reference(UploadRequestSchema),
        response: { 201: ticketAnswer },
      },
    },
    (request, reply): Promise<UploadTicket | PartsTicket> => {
      const caller = callerOf(request);
      const account = accountOf(request, services);
      const engine = { ...services, ...account };
      const { parts, ...upload } = request.body;
      if (parts === undefined) {
        return answerOnce(account, [request, reply], made(putTicket), (keep) =>
          createUpload(engine, caller, upload, keep),
        );
      }
      return answerOnce(account, [request, reply], made(partsTicket), (keep) =>
        createMultipartUpload(engine, caller, { ...upload, parts }, keep),
      );
    },
  );
}

const made =
  <Made, Ticket>(ticket: (upload: Made) => Ticket) =>
  (upload: Made) => ({ status: 201, headers: {}, body: ticket(upload) });

function putTicket({ handler, put }: MadeUpload): UploadTicket {
  const validity_ts = milliseconds(put.expiresAt / 1000);
  return { url: put.url, method: 'PUT', headers: put.headers, handler, validity_ts };
}

function partsTicket({ handler, urls, expiresAt, partBytes }: MadeMultipartUpload): PartsTicket {
  return {
    parts: urls.map((url, index) => ({ number: index + 1, url })),
    ...(partBytes !== null && { part_bytes: partBytes }),
    method: 'PUT',
    headers: {},
    handler,
    validity_ts: milliseconds(expiresAt / 1000),
  };
}

function postParts(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/uploads/:handler/complete',
    {
      bodyLimit: LARGEST_PARTS_BODY,
      config: {
        permission: 'create_upload_url',
        idempotencyKey: 'needless',
        errors: [
          'handler_not_found',
          'upload_not_multipart',
          'upload_used',
          'upload_expired',
          'upload_invalidated',
          'file_too_large',
        ],
      },
      schema: {
        operationId: 'completeUpload',
        tags: ['Uploads'],
        summary: 'Put the parts of an upload together',
        description:
          'Lists every part with the `ETag` that its PUT was answered with. May be repeated: an upload that is complete stays as it is, and is answered again.',
        params: UploadParams,
        querystring: NoQuery,
        body: reference(CompletedPartsSchema),
        response: { 200: answer('The file, of which a batch can be created', CompletedUploadSchema) },
      },
    },
    async (request): Promise<CompletedUpload> => {
      const handler = checkedHandler(request.params.handler);
      const engine = { ...services, ...accountOf(request, services) };
      const object = await completeUpload(engine, callerOf(request), handler, request.body);
      return { handler, ...object };
    },
  );
}

function deleteUpload(app: ApiInstance, services: ApiServices): void {
  app.delete(
    '/uploads/:handler',
    {
      config: { permission: 'invalidate_upload_url', errors: ['handler_not_found', 'upload_in_use'] },
      schema: {
        operationId: 'invalidateUpload',
        tags: ['Uploads'],
        summary: 'Take an upload back',
        description:
          'No batch can be created of it any more, and its file is removed; what is still put to its URL is removed later. Batches that have copied it go on. May be repeated.',
        params: UploadParams,
        querystring: NoQuery,
        response: { 204: { description: 'It is taken back', type: 'null' } },
      },
    },
    async (request, reply): Promise<void> => {
      const handler = checkedHandler(request.params.handler);
      await invalidateUpload({ ...services, ...accountOf(request, services) }, handler);
      reply.code(204);
    },
  );
}

/** @throws {RequestError} handler_not_found for what cannot be a handler */
function checkedHandler(handler: string): string {
  if (isUuid(handler)) return handler;
  throw new RequestError('handler_not_found', 'there is no upload with this handler in the account');
}
