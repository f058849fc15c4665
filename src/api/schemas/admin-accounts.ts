import { type Static, Type } from 'typebox';
import { AccountLimitsSchema } from './account-limits.ts';
import { TEN_YEARS } from './batch-options.ts';
import { component, reference, seconds, uuid } from './component.ts';
import { PageQuery, pageOf } from './page.ts';
import { UserRequestSchema } from './user.ts';

/** Up to which whole numbers are kept exactly. */
const LARGEST = Number.MAX_SAFE_INTEGER;

/** Two types, and not one schema or another: of those each would say what is wrong. */
const orNull = <T>(type: string, schema: object) =>
  Type.Optional(Type.Unsafe<T | null>({ type: [type, 'null'], ...schema }));

const whole = (minimum: number, description: string, maximum = LARGEST) =>
  orNull<number>('integer', { minimum, maximum, description });

const RequestLimitRequest = Type.Object(
  {
    per_minute: Type.Integer({
      minimum: 1,
      maximum: 10_000_000,
      description: 'How often it may be done in any minute.',
    }),
    lock_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400,
        description:
          'For how long it is refused once there is none left; 0, or left out: until there is one again.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const AccountLimitsRequestSchema = component(
  'AccountLimitsRequest',
  Type.Object(
    {
      file_bytes: whole(1, 'Bytes of one file.'),
      records: whole(1, 'Records of one file.'),
      batches: whole(0, 'Batches under way at once; 0: no new ones.'),
      stored_bytes: whole(0, 'Bytes of uploads, copies and results together; 0: nothing new.'),
      upload_seconds: whole(
        60,
        'Seconds for which a batch can be made of an upload, from when it was made.',
        TEN_YEARS,
      ),
      keep_seconds: whole(
        60,
        'The most that `expires_after` of a batch may be, and what it is where the request does not say.',
        TEN_YEARS,
      ),
      worker_weight: orNull<number>('number', {
        minimum: 0.1,
        maximum: 100,
        description:
          'Of two accounts that both have work, one of weight 2 has twice as many workers as one of weight 1.',
      }),
      chunks: whole(1, 'Chunks that run at once.', 1_000_000),
      requests: orNull<Record<string, Static<typeof RequestLimitRequest>>>('object', {
        additionalProperties: RequestLimitRequest,
        maxProperties: 200,
        description:
          'By permission or operation; `*` is every other one. Takes the place of all that are set.',
      }),
    },
    {
      additionalProperties: false,
      description: 'Those that are given are set; null sets the default again.',
      examples: [{ batches: 20, worker_weight: 2, requests: { create_batch: { per_minute: 60 } } }],
    },
  ),
);

const name = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  description: 'What its users name it by when they sign in. No two accounts have the same.',
});

const { username, password } = UserRequestSchema.properties;

export const AccountRequestSchema = component(
  'AccountRequest',
  Type.Object(
    {
      name,
      limits: Type.Optional(reference(AccountLimitsRequestSchema)),
      admin: Type.Optional(
        Type.Object(
          { username, password },
          {
            additionalProperties: false,
            description: 'Its first user, with the role `admin`. Without one nobody can sign in there.',
          },
        ),
      ),
    },
    {
      additionalProperties: false,
      examples: [
        {
          name: 'acme',
          limits: { batches: 20 },
          admin: { username: 'ada@example.org', password: 'correct horse battery' },
        },
      ],
    },
  ),
);

export const AccountPatchSchema = component(
  'AccountPatch',
  Type.Object(
    {
      name: Type.Optional(name),
      suspended: Type.Optional(
        Type.Boolean({
          description:
            'Whether all its users and keys are refused. Its batches that are under way end in `failed` with `permission_withdrawn`, and can be resumed when it goes on.',
        }),
      ),
      limits: Type.Optional(reference(AccountLimitsRequestSchema)),
    },
    {
      additionalProperties: false,
      minProperties: 1,
      description: 'What is to change: all of it does, or nothing.',
      examples: [{ suspended: true }, { limits: { batches: null, file_bytes: 1_000_000_000 } }],
    },
  ),
);

const UsageSchema = Type.Object({
  stored_bytes: Type.Number({ description: 'Bytes of uploads, copies and results together.' }),
  batches: Type.Integer({ description: 'Batches that have not ended.' }),
  running_chunks: Type.Integer({ description: 'Chunks that run at this moment.' }),
  users: Type.Integer(),
});

export const AccountSchema = component(
  'Account',
  Type.Object(
    {
      account: uuid('Its id.'),
      name: Type.String(),
      administers: Type.Boolean({
        description:
          'Whether it is the account of whoever runs this Sheaf, whose admins may call these routes.',
      }),
      suspended: Type.Boolean(),
      limits: reference(AccountLimitsSchema),
      limits_set: {
        ...reference(AccountLimitsRequestSchema),
        description: 'Those of `limits` that are set for the account; all others are the defaults.',
      },
      usage: Type.Optional({ ...UsageSchema, description: 'Left out in lists.' }),
      created_ts: seconds('When it was made'),
      updated_ts: seconds('When it was last changed'),
    },
    { description: 'Whoever owns users, keys, uploads and batches.' },
  ),
);

export type AccountView = Static<typeof AccountSchema>;

export const AccountPageSchema = pageOf('AccountPage', AccountSchema, 'Accounts, newest first.');

export type AccountPage = Static<typeof AccountPageSchema>;

export const AccountsQuery = Type.Object(
  {
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        description: 'Only accounts with this text somewhere in the name.',
      }),
    ),
    ...PageQuery.properties,
  },
  { additionalProperties: false },
);

export const AccountParams = Type.Object({ account: uuid('Id of the account.') });
