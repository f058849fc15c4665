import { type Static, Type } from 'typebox';
import { component, dictionary, seconds, sha256, uuid } from './component.ts';

export const UploadRequestSchema = component(
  'UploadRequest',
  Type.Object(
    {
      filename: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 255,
          description: 'What the client calls the file; only shown.',
        }),
      ),
      size: Type.Optional(
        Type.Integer({
          minimum: 0,
          description:
            'Bytes of the file. Stated, it is bound into the signature: nothing of another length can be put.',
        }),
      ),
      content_type: Type.Optional(
        Type.String({
          maxLength: 255,
          pattern: '^[\\x21-\\x7e][\\x20-\\x7e]*$',
          description: 'The `Content-Type` that the PUT will carry; bound into the signature.',
        }),
      ),
      hash: Type.Optional(
        sha256(
          'SHA-256 of the file in lower-case hexadecimal. Stated, the store refuses a PUT of anything else.',
        ),
      ),
    },
    {
      additionalProperties: false,
      examples: [{ filename: 'learners.csv', size: 11_400_000, content_type: 'text/csv' }],
    },
  ),
);

export type UploadRequest = Static<typeof UploadRequestSchema>;

export const UploadTicketSchema = component(
  'UploadTicket',
  Type.Object(
    {
      url: Type.String({
        description: 'Presigned: send the bytes of the file to it, with no other credentials.',
      }),
      method: Type.Literal('PUT'),
      headers: dictionary<string>(
        { description: 'Send exactly these with the PUT; the signature binds them.' },
        Type.String(),
      ),
      handler: uuid('Names the upload when a batch is created of it.'),
      validity_ts: seconds('When the URL stops being valid'),
    },
    {
      description: 'The request that fills an upload.',
      examples: [
        {
          url: 'http://127.0.0.1:9000/sheaf/uploads/…?X-Amz-Signature=…',
          method: 'PUT',
          headers: { 'content-length': '11400000', 'content-type': 'text/csv' },
          handler: '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11',
          validity_ts: 1_795_303_600.123,
        },
      ],
    },
  ),
);

export type UploadTicket = Static<typeof UploadTicketSchema>;
