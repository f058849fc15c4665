import { type Static, Type } from 'typebox';
import { AccountLimitsSchema, accountLimitsExample } from './account-limits.ts';
import { component, reference, uuid } from './component.ts';
import { StatementSchema } from './role.ts';

export const MeSchema = component(
  'Me',
  Type.Object(
    {
      user: Type.String({ description: 'The name of the user; of an API key `key:` and its name.' }),
      account: Type.Object({
        account: uuid('Id of the account, which everything belongs to that the caller makes.'),
        name: Type.String({ description: 'Its name.' }),
      }),
      role: Type.String({ description: 'The name of the role.' }),
      statements: Type.Array(StatementSchema, { description: 'What it allows at this moment.' }),
      principal: Type.Object({
        kind: Type.Enum(['user', 'api_key', 'admin_key'], {
          description: 'Whether a token was shown, an API key, or the one key of the settings.',
        }),
        id: Type.Optional(uuid('Of the user or the API key.')),
      }),
      session: Type.Optional(uuid('The session that the token belongs to.')),
      limits: reference(AccountLimitsSchema),
    },
    {
      description: 'Who calls, and what they may do.',
      examples: [
        {
          user: 'ada@example.org',
          account: { account: '0199f3a2-0c11-7c51-8f0e-5a2d9c4b7e10', name: 'acme' },
          role: 'submitter',
          statements: [{ effect: 'allow', actions: ['create_upload_url', 'create_batch', 'get_batch'] }],
          principal: { kind: 'user', id: '0199f3a2-64be-7a11-b0a3-0d5a2f7c1e94' },
          session: '0199f3a4-1b2c-7d3e-8f40-516273849506',
          limits: accountLimitsExample,
        },
      ],
    },
  ),
);

export type Me = Static<typeof MeSchema>;
