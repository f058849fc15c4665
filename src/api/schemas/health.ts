import { type Static, Type } from 'typebox';
import { component, dictionary } from './component.ts';

export const HealthSchema = component(
  'Health',
  Type.Object(
    {
      status: Type.Enum(['ok', 'failing']),
      checks: dictionary<'ok' | 'failing'>(
        { description: 'What was looked at. Why something fails stands in the log of the server.' },
        Type.Enum(['ok', 'failing']),
      ),
    },
    {
      description: 'Whether the server can do its work.',
      examples: [{ status: 'ok', checks: { database: 'ok', object_store: 'ok' } }],
    },
  ),
);

export type Health = Static<typeof HealthSchema>;
