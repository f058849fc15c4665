import { type Static, Type } from 'typebox';
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from '../../core/password-rules.ts';
import { component, seconds, uuid } from './component.ts';
import { pageOf } from './page.ts';

const USER_NAME = '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$';

export const givenRole = () =>
  Type.String({
    minLength: 1,
    maxLength: 64,
    description:
      'The name of a role of the account, whose statements the role of the caller has to cover: nobody gives more than they have.',
  });

const password = (description: string) =>
  Type.String({ minLength: SHORTEST_PASSWORD, maxLength: LONGEST_PASSWORD, description });

export const UserRequestSchema = component(
  'UserRequest',
  Type.Object(
    {
      username: Type.String({
        pattern: USER_NAME,
        description: 'What the user signs in with: an address for example. Capitals make no difference.',
      }),
      password: password('Of any characters, and not the name. It is kept as a hash, and never answered.'),
      role: givenRole(),
    },
    {
      additionalProperties: false,
      examples: [{ username: 'ada@example.org', password: 'correct horse battery', role: 'submitter' }],
    },
  ),
);

export type UserRequest = Static<typeof UserRequestSchema>;

export const UserPatchSchema = component(
  'UserPatch',
  Type.Object(
    {
      role: Type.Optional(givenRole()),
      password: Type.Optional(password('A new one.')),
      disabled: Type.Optional(
        Type.Boolean({ description: 'Whoever is disabled cannot sign in, and does nothing any more.' }),
      ),
    },
    {
      additionalProperties: false,
      minProperties: 1,
      description: 'What is to change: all of it does, or nothing.',
      examples: [{ role: 'operator' }, { disabled: true }, { password: 'correct horse battery' }],
    },
  ),
);

export type UserPatch = Static<typeof UserPatchSchema>;

export const UserSchema = component(
  'User',
  Type.Object(
    {
      user: uuid('Its id.'),
      username: Type.String({ description: 'What the user signs in with.' }),
      role: Type.String({ description: 'The name of the role that says what the user may do.' }),
      disabled: Type.Boolean({ description: 'Whether the user is kept from signing in.' }),
      created_ts: seconds('When it was made'),
      updated_ts: seconds('When it was last changed'),
    },
    {
      description: 'Somebody who signs in with a password.',
      examples: [
        {
          user: '0199f3a2-64be-7a11-b0a3-0d5a2f7c1e94',
          username: 'ada@example.org',
          role: 'submitter',
          disabled: false,
          created_ts: 1_795_300_000.123,
          updated_ts: 1_795_300_000.123,
        },
      ],
    },
  ),
);

export type UserView = Static<typeof UserSchema>;

export const UserPageSchema = pageOf('UserPage', UserSchema, 'Users, newest first.');

export type UserPage = Static<typeof UserPageSchema>;

export const UserParams = Type.Object({ user: uuid('Id of the user.') });
