import { type Static, Type } from 'typebox';
import { component, dictionary, seconds, sha256, uuid } from './component.ts';

const MOST_PARTS = 10_000;

const partNumber = () => Type.Integer({ minimum: 1, maximum: MOST_PARTS, description: 'Counted from 1.' });

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
          maximum: Number.MAX_SAFE_INTEGER,
          description:
            'Bytes of the file. Stated, it is bound into the signature: nothing of another length can be put. Of a file in parts it is compared when they are completed.',
        }),
      ),
      content_type: Type.Optional(
        Type.String({
          maxLength: 255,
          pattern: '^[\\x21-\\x7e][\\x20-\\x7e]*$',
          description:
            'The `Content-Type` that the PUT will carry; bound into the signature. Those of parts carry none.',
        }),
      ),
      hash: Type.Optional(
        sha256(
          'SHA-256 of the file in lower-case hexadecimal. Stated, the store refuses a PUT of anything else; of a file in parts it is compared when a batch copies it.',
        ),
      ),
      parts: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MOST_PARTS,
          description:
            'In how many parts the file comes; needed above 5 GiB, which is all that a single PUT takes. Each but the last has 5 MiB to 5 GiB.',
        }),
      ),
    },
    {
      additionalProperties: false,
      examples: [
        { filename: 'learners.csv', size: 11_400_000, content_type: 'text/csv' },
        { filename: 'everybody.csv', size: 20_000_000_000, parts: 200 },
      ],
    },
  ),
);

export type UploadRequest = Static<typeof UploadRequestSchema>;

const HANDLER = '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11';

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
          handler: HANDLER,
          validity_ts: 1_795_303_600.123,
        },
      ],
    },
  ),
);

export type UploadTicket = Static<typeof UploadTicketSchema>;

export const PartsTicketSchema = component(
  'PartsTicket',
  Type.Object(
    {
      parts: Type.Array(Type.Object({ number: partNumber(), url: Type.String() }), {
        description:
          'Where each part is put: presigned, with no other credentials. Keep the `ETag` header of each answer.',
      }),
      part_bytes: Type.Optional(
        Type.Integer({
          description: 'Where the size is stated: the length of each part but the last, which is shorter.',
        }),
      ),
      method: Type.Literal('PUT'),
      headers: dictionary<string>(
        { description: 'Send exactly these with each PUT. There are none.' },
        Type.String(),
      ),
      handler: uuid('Names the upload when it is completed, and when a batch is created of it.'),
      validity_ts: seconds('When the URLs stop being valid'),
    },
    {
      description: 'The requests that fill an upload in parts.',
      examples: [
        {
          parts: [{ number: 1, url: 'http://127.0.0.1:9000/sheaf/uploads/…?partNumber=1&…' }],
          part_bytes: 100_000_000,
          method: 'PUT',
          headers: {},
          handler: HANDLER,
          validity_ts: 1_795_303_600.123,
        },
      ],
    },
  ),
);

export type PartsTicket = Static<typeof PartsTicketSchema>;

export const CompletedPartsSchema = component(
  'CompletedParts',
  Type.Array(
    Type.Object(
      {
        number: partNumber(),
        etag: Type.String({
          minLength: 1,
          maxLength: 256,
          description: 'As the answer to the PUT of the part had it; with or without its quotes.',
        }),
      },
      { additionalProperties: false },
    ),
    {
      minItems: 1,
      maxItems: MOST_PARTS,
      description: 'Every part of the upload, in the order of their numbers.',
      examples: [[{ number: 1, etag: '"9bb58f26192e4ba00f01e2e7b136bbd8"' }]],
    },
  ),
);

export type CompletedParts = Static<typeof CompletedPartsSchema>;

export const CompletedUploadSchema = component(
  'CompletedUpload',
  Type.Object(
    {
      handler: uuid('Names the upload when a batch is created of it.'),
      bytes: Type.Integer({ description: 'Length of the file.' }),
      etag: Type.String({ description: 'Of the whole file, as the object store has it.' }),
    },
    {
      description: 'A file whose parts are put together.',
      examples: [
        {
          handler: HANDLER,
          bytes: 20_000_000_000,
          etag: '"1306f38c610d8213b6bf761d90d3076a-200"',
        },
      ],
    },
  ),
);

export type CompletedUpload = Static<typeof CompletedUploadSchema>;

export const UploadParams = Type.Object({
  handler: Type.String({ description: 'The upload, as `POST /uploads` named it.' }),
});
