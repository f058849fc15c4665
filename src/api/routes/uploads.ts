import { createUpload } from '../../engine/create-upload.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { callerOf } from '../plugins/access.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import { UploadRequestSchema, type UploadTicket, UploadTicketSchema } from '../schemas/upload.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function uploadRoutes(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/uploads',
    {
      config: { permission: 'create_upload_url', optionalBody: true },
      schema: {
        operationId: 'createUpload',
        tags: ['Uploads'],
        summary: 'Make a place for a file',
        description:
          'Answers a presigned PUT: send the file to `url` with `headers`, then create a batch of `handler`. The body may be left out.',
        querystring: NoQuery,
        body: reference(UploadRequestSchema),
        response: { 201: answer('The request that fills the upload', UploadTicketSchema) },
      },
    },
    async (request, reply): Promise<UploadTicket> => {
      const { handler, put } = await createUpload(services, callerOf(request), request.body);
      reply.code(201);
      return {
        url: put.url,
        method: 'PUT',
        headers: put.headers,
        handler,
        validity_ts: milliseconds(put.expiresAt / 1000),
      };
    },
  );
}
