import { type Static, Type } from 'typebox';
import type { AuditFilters } from '../../engine/ports/audit-log.ts';
import { component, dictionary, nullable, seconds, uuid } from './component.ts';
import { PageQuery, pageOf } from './page.ts';

/** The end of the year 9999: later than any entry, and still a moment of PostgreSQL's. */
const LATEST = 253_402_300_799;

const changed = (description: string) => nullable(dictionary({ description }));

export const AuditEntrySchema = component(
  'AuditEntry',
  Type.Object(
    {
      entry: Type.String({ description: 'Its number: later entries have higher ones.' }),
      ts: seconds('When it was done'),
      account: nullable(
        Type.Object(
          { account: uuid('Its id.'), name: Type.String({ description: 'As it is named now.' }) },
          { description: 'Whose thing it was done to; null: no one account’s.' },
        ),
      ),
      actor: Type.Object(
        {
          kind: Type.String({
            description:
              '`user`, `api_key`, `admin_key` (the key of the settings), `nobody` (who tried to sign in), `system`.',
          }),
          id: nullable(uuid('Of the user or the API key.')),
          name: Type.String(),
          account: nullable(
            uuid('The account that they belong to: another one where an admin reached into it.'),
          ),
        },
        { description: 'Who did it.' },
      ),
      action: Type.String({ description: 'What was done: the name of the permission or operation, mostly.' }),
      target: Type.Object(
        { kind: Type.String(), id: Type.String() },
        { description: 'What it was done to: `batch`, `user`, `account`, …' },
      ),
      ip: nullable(Type.String({ description: 'From where, as far as that is known.' })),
      request_id: nullable(Type.String({ description: 'The `X-Request-Id` of the answer.' })),
      before: changed('What was, of what differs.'),
      after: changed('What is since then, of what differs.'),
    },
    {
      description: 'Who did what to what, when, and from where. Never a secret.',
      examples: [
        {
          entry: '4711',
          ts: 1_795_300_000.123,
          account: { account: '0199f39c-51aa-7f2e-9c01-77d0a1be4f13', name: 'acme' },
          actor: {
            kind: 'user',
            id: '0199f3a2-64be-7a11-b0a3-0d5a2f7c1e94',
            name: 'ada@example.org',
            account: '0199f39c-51aa-7f2e-9c01-77d0a1be4f13',
          },
          action: 'update_batch',
          target: { kind: 'batch', id: '0199f3a1-22d0-7c6f-8f0e-5b1d9a4c7e20' },
          ip: '203.0.113.7',
          request_id: 'f8a3f1de-6f3c-4d2b-9d0e-2b8f6a1c9e55',
          before: { status: 'processing' },
          after: { status: 'cancel' },
        },
      ],
    },
  ),
);

export type AuditEntryView = Static<typeof AuditEntrySchema>;

export const AuditPageSchema = pageOf('AuditPage', AuditEntrySchema, 'Entries, newest first.');

export type AuditPage = Static<typeof AuditPageSchema>;

const exactly = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 300, description }));

const moment = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: LATEST, description }));

const filters = {
  account: Type.Optional(uuid('Only what was done to what is this account’s.')),
  actor: exactly('Only what somebody of this name did; `key:` and the name of an API key.'),
  action: exactly('Only this action.'),
  target_kind: exactly('Only what was done to things of this kind.'),
  target: exactly('Only what was done to the thing with this id.'),
  request_id: exactly('Only what this request did.'),
  ip: exactly('Only what was done from this address.'),
  from: moment('Only what was done then or later (Unix seconds).'),
  before: moment('Only what was done earlier (Unix seconds).'),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Only entries with this text somewhere in the name of the actor, the id of the target, or what was before and after. Upper and lower case are the same; no character is a wildcard.',
    }),
  ),
};

export const AuditExportQuery = Type.Object(filters, { additionalProperties: false });
export const AuditQuery = Type.Object(
  { ...filters, ...PageQuery.properties },
  { additionalProperties: false },
);

type AuditExportQuery = Static<typeof AuditExportQuery>;

export function auditFiltersOf(query: AuditExportQuery): AuditFilters {
  const { account, actor, action, target, ip, from, before, search } = query;
  const { target_kind: targetKind, request_id: requestId } = query;
  return {
    ...(account !== undefined && { account: account.toLowerCase() }),
    ...(actor !== undefined && { actor }),
    ...(action !== undefined && { action }),
    ...(targetKind !== undefined && { targetKind }),
    ...(target !== undefined && { target }),
    ...(requestId !== undefined && { requestId }),
    ...(ip !== undefined && { ip }),
    ...(from !== undefined && { from }),
    ...(before !== undefined && { before }),
    ...(search !== undefined && { search }),
  };
}
