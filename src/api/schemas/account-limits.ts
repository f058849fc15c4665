import { type Static, Type } from 'typebox';
import { component, dictionary, nullable } from './component.ts';

const RequestLimitSchema = Type.Object({
  per_minute: Type.Integer({ minimum: 1, description: 'How often it may be done in any minute.' }),
  lock_seconds: Type.Integer({
    minimum: 0,
    description: 'For how long it is refused once there is none left; 0: until there is one again.',
  }),
});

export const accountLimitsExample = {
  file_bytes: 50_000_000_000,
  records: 1_000_000_000,
  batches: 1000,
  stored_bytes: 1_000_000_000_000,
  upload_seconds: 86_400,
  keep_seconds: null,
  worker_weight: 1,
  chunks: null,
  requests: { '*': { per_minute: 6000, lock_seconds: 0 } },
};

/** What an account may take, whether an admin has set it or it is the default. */
export const AccountLimitsSchema = component(
  'AccountLimits',
  Type.Object(
    {
      file_bytes: Type.Integer({ description: 'Bytes of one file.' }),
      records: Type.Integer({ description: 'Records of one file.' }),
      batches: Type.Integer({ description: 'Batches under way at once.' }),
      stored_bytes: Type.Integer({ description: 'Bytes of uploads, copies and results together.' }),
      upload_seconds: Type.Integer({
        description: 'Seconds for which a batch can be made of an upload, from when it was made.',
      }),
      keep_seconds: nullable(
        Type.Integer({
          description:
            'The most that `expires_after` of a batch may be, and what it is where the request does not say; null: any, and as the server is set.',
        }),
      ),
      worker_weight: Type.Number({
        description:
          'Of two accounts that both have work, one of weight 2 has twice as many workers as one of weight 1.',
      }),
      chunks: nullable(
        Type.Integer({ description: 'Chunks that run at once; null: as many as there is room for.' }),
      ),
      requests: dictionary<Static<typeof RequestLimitSchema>>(
        { description: 'By permission or operation; `*` is every other one.' },
        RequestLimitSchema,
      ),
    },
    {
      description: 'What the account may take.',
      examples: [accountLimitsExample],
    },
  ),
);

export type AccountLimitsView = Static<typeof AccountLimitsSchema>;
