import { type Static, Type } from 'typebox';
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from '../../core/password-rules.ts';
import { component, seconds } from './component.ts';

/** Whatever is no name of anybody is answered as a wrong one, not as a name of the wrong form. */
const LONGEST_NAME = 256;

const name = (description: string) => Type.String({ minLength: 1, maxLength: LONGEST_NAME, description });

const password = (description: string) =>
  Type.String({ minLength: 1, maxLength: LONGEST_PASSWORD, description });

export const SignInRequestSchema = component(
  'SignInRequest',
  Type.Object(
    {
      username: name('Capitals make no difference.'),
      password: password('Of the user.'),
      account: Type.Optional(
        name('The name of the account that the user belongs to; `default` when left out.'),
      ),
    },
    {
      additionalProperties: false,
      examples: [{ username: 'ada@example.org', password: 'correct horse battery', account: 'acme' }],
    },
  ),
);

export const RefreshRequestSchema = component(
  'RefreshRequest',
  Type.Object(
    {
      refresh_token: Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'The newest one of the session: each is taken once.',
      }),
    },
    {
      additionalProperties: false,
      examples: [{ refresh_token: 'sheafr_2hVqkqo9x6u0yR1cJmN3Wc4nB8sT7dLfKzXvPaQeGtY' }],
    },
  ),
);

export const SignedInSchema = component(
  'SignedIn',
  Type.Object(
    {
      token: Type.String({
        description:
          'A JWT, for the header `Authorization: Bearer …` (or `JWT …`). Opaque: what is in it may change.',
      }),
      token_type: Type.Literal('Bearer'),
      expires_ts: seconds('Until when the token is valid, unless the session ends before'),
      refresh_token: Type.String({
        description:
          'What `POST /auth/refresh` takes, once, for the next token. Keep it as you would the password.',
      }),
      refresh_expires_ts: seconds('When the session ends, and the password is needed again'),
    },
    {
      description: 'What somebody who signed in goes on with. It is answered this once.',
      examples: [
        {
          token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjAxOTkuLi4ifQ.eyJhY2MiOiIwMTk5Li4uIn0.…',
          token_type: 'Bearer',
          expires_ts: 1_795_300_900,
          refresh_token: 'sheafr_2hVqkqo9x6u0yR1cJmN3Wc4nB8sT7dLfKzXvPaQeGtY',
          refresh_expires_ts: 1_797_892_000.123,
        },
      ],
    },
  ),
);

export type SignedInView = Static<typeof SignedInSchema>;

export const PasswordChangeSchema = component(
  'PasswordChange',
  Type.Object(
    {
      current_password: password('The one that there is.'),
      new_password: Type.String({
        minLength: SHORTEST_PASSWORD,
        maxLength: LONGEST_PASSWORD,
        description: 'Of any characters, and not the name of the user.',
      }),
    },
    {
      additionalProperties: false,
      examples: [{ current_password: 'correct horse battery', new_password: 'another staple, please' }],
    },
  ),
);
