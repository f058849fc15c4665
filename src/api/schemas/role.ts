import { type Static, Type } from 'typebox';
import { component, nullable, seconds } from './component.ts';
import { pageOf } from './page.ts';

export const ROLE_NAME = '^[a-z][a-z0-9_-]{0,63}$';

/** A name, the beginning of one with `*`, or `*` alone. */
const ACTION = '^(\\*|[a-z_][a-z0-9_]{0,63}\\*?)$';

export const StatementSchema = Type.Object(
  {
    effect: Type.Enum(['allow', 'deny'], {
      description: 'Deny wins over allow, wherever it stands; what no statement allows is not allowed.',
    }),
    actions: Type.Array(Type.String({ pattern: ACTION }), {
      minItems: 1,
      maxItems: 200,
      description:
        'Names of permissions (`x-permission` of each route) or operations; `create_*` is everything that begins so, `*` everything.',
    }),
  },
  { additionalProperties: false },
);

const statements = Type.Array(StatementSchema, {
  minItems: 1,
  maxItems: 50,
  description: 'What the role may do; at most 1,000 actions in all.',
});

const description = Type.String({ maxLength: 1000, description: 'What the role is for; only shown.' });

const example = {
  name: 'crm-import',
  description: 'The nightly import: creates and updates learners, and looks at nothing but its batches.',
  statements: [
    { effect: 'allow', actions: ['create_upload_url', 'create_batch', 'get_batch', 'create_learner'] },
  ],
};

export const RoleRequestSchema = component(
  'RoleRequest',
  Type.Object(
    {
      name: Type.String({ pattern: ROLE_NAME, description: 'Of your choice; it stays.' }),
      description: Type.Optional(description),
      statements,
    },
    { additionalProperties: false, examples: [example] },
  ),
);

export type RoleRequest = Static<typeof RoleRequestSchema>;

export const RolePatchSchema = component(
  'RolePatch',
  Type.Object(
    { description: Type.Optional(description), statements: Type.Optional(statements) },
    {
      additionalProperties: false,
      minProperties: 1,
      description: 'What is to change; new statements take the place of all that there are.',
      examples: [{ statements: example.statements }, { description: example.description }],
    },
  ),
);

export type RolePatch = Static<typeof RolePatchSchema>;

export const RoleSchema = component(
  'Role',
  Type.Object(
    {
      name: Type.String({ description: 'Names the role where it is given.' }),
      description: Type.String({ description: 'What it is for.' }),
      statements: Type.Array(StatementSchema, { description: 'What it may do.' }),
      built_in: Type.Boolean({ description: 'Whether every account has it; it stays as it is then.' }),
      unknown_actions: Type.Array(Type.String(), {
        description:
          'Actions of the statements that name nothing at present: neither a permission nor an operation. Most often a slip.',
      }),
      created_ts: nullable(seconds('When it was made; null: it is built in')),
      updated_ts: nullable(seconds('When it was last changed; null: it is built in')),
    },
    {
      description: 'What whoever has it may do.',
      examples: [
        {
          ...example,
          built_in: false,
          unknown_actions: [],
          created_ts: 1_795_300_000.123,
          updated_ts: 1_795_300_000.123,
        },
      ],
    },
  ),
);

export type RoleView = Static<typeof RoleSchema>;

export const RolePageSchema = pageOf(
  'RolePage',
  RoleSchema,
  'Roles, newest first; those that every account has come last.',
);

export type RolePage = Static<typeof RolePageSchema>;

export const RoleParams = Type.Object({ role: Type.String({ description: 'Name of the role.' }) });
