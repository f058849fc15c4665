import type { AuditActor, AuditEntry, AuditLog } from '../../engine/ports/audit-log.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';

/** Writes down what somebody does, in the transaction in which it is done: neither is there without the other. */
export async function writeAudit(
  tx: Sql | Transaction,
  actor: AuditActor,
  { action, target, before, after }: AuditEntry,
): Promise<void> {
  const json = (value: Record<string, unknown> | undefined) =>
    value === undefined ? null : tx.json(value as never);
  const { principal } = actor;
  await tx`
    insert into audit_log (account_id, actor_kind, actor_id, actor_name, actor_account_id, action, target_kind,
      target_id, ip, request_id, before, after)
    values (${actor.accountId}, ${principal.kind}, ${'id' in principal ? principal.id : null}, ${actor.user},
      ${actor.ownAccountId}, ${action}, ${target.kind}, ${target.id}, ${actor.ip}, ${actor.requestId},
      ${json(before)}, ${json(after)})`;
}

export function postgresAuditLog(sql: Sql): AuditLog {
  return { note: (actor, entry) => faultsTold(() => writeAudit(sql, actor, entry)) };
}

/** Whoever runs this Sheaf, at the machine itself. */
export function systemIn(accountId: string | null): AuditActor {
  return {
    accountId,
    ownAccountId: null,
    user: 'system',
    principal: { kind: 'system' },
    ip: null,
    requestId: null,
  };
}

/** Of two states of the same thing the fields that differ, as they were and as they are. */
export function difference(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Required<Pick<AuditEntry, 'before' | 'after'>> {
  const changed = Object.keys({ ...before, ...after }).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const only = (values: Record<string, unknown>) =>
    Object.fromEntries(changed.map((name) => [name, values[name] ?? null]));
  return { before: only(before), after: only(after) };
}
