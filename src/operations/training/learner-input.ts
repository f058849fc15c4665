import { iso31661 } from 'iso-3166';
import Type, { type Static } from 'typebox';

/** What a record of `create_learner` holds; all but the id is optional. */
export const learnerInput = Type.Object(
  {
    learner_id: Type.String({ minLength: 1, maxLength: 64, description: 'The key; unique in the account' }),
    email: Type.Optional(
      Type.String({ format: 'email', description: 'Unique in the account where given, whatever its case' }),
    ),
    given_name: Type.Optional(Type.String({ maxLength: 200 })),
    family_name: Type.Optional(Type.String({ maxLength: 200 })),
    birth_date: Type.Optional(Type.String({ format: 'date', description: 'ISO 8601: 1999-12-31' })),
    phone: Type.Optional(Type.String({ maxLength: 32, description: 'Kept as written: leading zeros and +' })),
    country: Type.Optional(
      Type.Unsafe<string>({
        type: 'string',
        enum: iso31661.map((country) => country.alpha2),
        description: 'ISO 3166-1 alpha-2',
      }),
    ),
    score: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, multipleOf: 0.01, description: 'Up to two decimals' }),
    ),
    joined_at: Type.Optional(
      Type.String({ format: 'date-time', description: 'RFC 3339, with its zone: 2026-01-31T08:00:00+01:00' }),
    ),
  },
  { additionalProperties: false },
);

export type LearnerInput = Static<typeof learnerInput>;
