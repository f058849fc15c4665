/** A file that somebody begins to write an operation with: it works, and its comments say what is what. */
export function operationStarter(name: string): string {
  return `// What there is besides: docs/operations.md of Sheaf.
import { defineOperation, failed, succeeded, Type } from 'sheaf';

/**
 * An operation: one record sent to POST /operations/${name} runs it, and so does a file of a million.
 * Change it, start Sheaf again, and it is what the API, its documents and its templates show.
 */
export default defineOperation({
  /** In the API, in permissions (a role allows "${name}"), in the file of a batch. */
  name: '${name}',
  /** Raise it when batches that are under way must not go on with the changed code. */
  version: 1,
  title: '${titleOf(name)}',
  description: 'Takes an amount for somebody, up to a limit.',

  /** What a record may hold. Columns of a file are named after the fields, or mapped to them; dots nest. */
  input: Type.Object(
    {
      email: Type.String({ format: 'email', description: 'Whom it is for.' }),
      amount: Type.Number({ exclusiveMinimum: 0, multipleOf: 0.01, description: 'In euros.' }),
      note: Type.Optional(Type.String({ maxLength: 200 })),
    },
    { additionalProperties: false },
  ),

  /** What is answered for a record that succeeded: the body of a call, the results of a batch. */
  output: Type.Object(
    { email: Type.String(), cents: Type.Integer() },
    { additionalProperties: false },
  ),

  /** What a batch ("settings") or a call (its query) may set. Each needs a default. */
  settings: Type.Object(
    { most: Type.Number({ minimum: 0, default: 500, description: 'Larger amounts fail.' }) },
    { additionalProperties: false },
  ),

  /** Every code with which it fails a record, and what it means. */
  failures: { amount_too_large: 'The amount is larger than the setting "most" allows' },

  /** Rows of the file to fill in: GET /operations/${name}/template?format=xlsx */
  template: { examples: [{ email: 'ada@example.org', amount: 12.5, note: 'lunch' }] },

  /**
   * Gets many records at once, all of them sound, and answers one result for each, in their order. What it writes
   * through \`sql\` is committed together with the results, or not at all. A few statements for all records, never one
   * for each:
   *
   *   const emails = records.map(({ input }) => input.email);
   *   const known = await sql<{ id: string; email: string }>\`
   *     select learner_id as id, email from learners
   *     where account_id = \${accountId} and email = any(\${emails}::text[])\`;
   *
   * When the database refuses one record's data, Sheaf finds which one: that record fails, the others do not.
   */
  async run(records, { settings, accountId, log }) {
    log.debug({ accountId, records: records.length }, '${name}');
    return records.map(({ input: { email, amount } }) => {
      if (amount > settings.most) {
        return failed('amount_too_large', \`"\${amount}" is more than \${settings.most}\`, 'amount');
      }
      return succeeded({ email: email.toLowerCase(), cents: Math.round(amount * 100) });
    });
  },
});
`;
}

/** `create_invoice` → `Create invoice`. */
function titleOf(name: string): string {
  const words = name.replaceAll(/_+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
