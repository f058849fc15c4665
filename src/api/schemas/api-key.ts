import { type Static, Type } from 'typebox';
import { component, nullable, seconds, uuid } from './component.ts';
import { pageOf } from './page.ts';
import { givenRole } from './user.ts';

/** The end of the year 9999, as far as PostgreSQL's moments and ours go. */
const LATEST = 253_402_300_799;

/** Printable, and with something to see at both ends. */
const KEY_NAME = '^[^\\p{C}\\p{Z}](?:[^\\p{C}\\p{Zl}\\p{Zp}]*[^\\p{C}\\p{Z}])?$';

export const ApiKeyRequestSchema = component(
  'ApiKeyRequest',
  Type.Object(
    {
      name: Type.String({
        minLength: 1,
        maxLength: 100,
        pattern: KEY_NAME,
        description: 'Whose key it is, such as the program: no two that are not revoked have the same.',
      }),
      role: givenRole(),
      expires_ts: Type.Optional(
        Type.Number({
          minimum: 0,
          maximum: LATEST,
          description: 'Until when it is taken (Unix seconds); left out: until it is revoked.',
        }),
      ),
    },
    {
      additionalProperties: false,
      examples: [
        { name: 'nightly import', role: 'submitter' },
        { name: 'audit of the year', role: 'viewer', expires_ts: 1_798_000_000 },
      ],
    },
  ),
);

export type ApiKeyRequest = Static<typeof ApiKeyRequestSchema>;

const properties = {
  api_key: uuid('Its id, which is no secret.'),
  name: Type.String({ description: 'Whose key it is.' }),
  role: Type.String({ description: 'The name of the role that says what the key may do.' }),
  hint: Type.String({ description: 'How the key begins.' }),
  created_by: Type.String({ description: 'Who made it.' }),
  created_ts: seconds('When it was made'),
  expires_ts: nullable(seconds('Until when it is taken; null: until it is revoked')),
  last_used_ts: nullable(seconds('When it was last used, to the minute; null: never')),
  revoked_ts: nullable(seconds('When it was revoked; null: it is not')),
};

const example = {
  api_key: '0199f3a2-91c0-7d52-8a6e-4be1f00c7d35',
  name: 'nightly import',
  role: 'submitter',
  hint: 'sheaf_q3Vx',
  created_by: 'ada@example.org',
  created_ts: 1_795_300_000.123,
  expires_ts: null,
  last_used_ts: null,
  revoked_ts: null,
};

export const ApiKeySchema = component(
  'ApiKey',
  Type.Object(properties, { description: 'What a program calls with.', examples: [example] }),
);

export type ApiKeyView = Static<typeof ApiKeySchema>;

export const NewApiKeySchema = component(
  'NewApiKey',
  Type.Object(
    {
      ...properties,
      key: Type.String({
        description:
          'The key itself, answered this once: keep it now. Sent as `Authorization: Bearer <key>`.',
      }),
    },
    {
      description: 'An API key that was made just now.',
      examples: [{ ...example, key: 'sheaf_q3VxU2lKc0pYb1R2T0JmZ1dRNnhLZ0h5bE5zQ3pJdE0' }],
    },
  ),
);

export type NewApiKeyView = Static<typeof NewApiKeySchema>;

export const ApiKeyPageSchema = pageOf(
  'ApiKeyPage',
  ApiKeySchema,
  'API keys, newest first, revoked ones too.',
);

export type ApiKeyPage = Static<typeof ApiKeyPageSchema>;

export const ApiKeyParams = Type.Object({ api_key: uuid('Id of the key; not the key itself.') });
