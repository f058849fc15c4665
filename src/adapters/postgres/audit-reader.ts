import type postgres from 'postgres';
import type { AuditFilters, AuditReader, AuditRow } from '../../engine/ports/audit-log.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';
import { inTime } from './in-time.ts';

/** How many entries an export looks through with one statement: each is short, however few of them fit. */
const WINDOW = 5000;

/** How many it has in memory; those of two states of a batch may have 32 KiB each. */
const PAGE = 500;

/** `sql` has connections of its own, which give up in time (admin-stores.ts). */
export function postgresAuditReader(sql: Sql): AuditReader {
  return {
    list: ({ limit, before, filters }) => {
      const older = before === undefined ? sql`true` : sql`log.id < ${before}::bigint`;
      return inTime(NARROWING, () => select(sql, sql`${older} and ${condition(sql, filters)}`, limit));
    },
    export: (filters) => exported(sql, filters),
  };
}

/** Nothing is open between two statements: whoever reads them may take all the time in the world. */
async function* exported(sql: Sql, filters: AuditFilters): AsyncGenerator<AuditRow[]> {
  const { oldest, newest } = await faultsTold(() => endsOf(sql, filters));
  let end = newest;
  while (end >= oldest) {
    const start = Math.max(oldest, end - WINDOW + 1);
    const within = sql`log.id between ${start} and ${end} and ${condition(sql, filters)}`;
    const rows = await faultsTold(() => select(sql, within, PAGE));
    if (rows.length > 0) yield rows;
    end = (rows.length < PAGE ? start : Number(rows.at(-1)!.id)) - 1;
  }
}

/** The ids between which all entries are that may fit; none that comes later, or an export might never end. */
async function endsOf(sql: Sql, { from, before }: AuditFilters): Promise<{ oldest: number; newest: number }> {
  const oldest =
    from === undefined
      ? sql`(select min(id) from audit_log)`
      : sql`(select id from audit_log where at >= ${moment(sql, from)} order by at limit 1)`;
  const newest =
    before === undefined
      ? sql`null`
      : sql`(select id from audit_log where at < ${moment(sql, before)} order by at desc limit 1)`;
  const [ends] = await sql<[{ oldest: number | null; newest: number | null; last: number | null }]>`
    select (select max(id) from audit_log) as last, ${oldest} as oldest, ${newest}::bigint as newest`;
  const last = ends.last ?? 0;
  // Entries that are written at once may have their ids and their times in different orders.
  return {
    oldest: ends.oldest === null ? last + 1 : Math.max(1, ends.oldest - WINDOW),
    newest: before === undefined ? last : Math.min(last, (ends.newest ?? 0) + WINDOW),
  };
}

type Condition = postgres.PendingQuery<postgres.Row[]>;

function select(sql: Sql, where: Condition, limit: number) {
  return sql<AuditRow[]>`
    select log.id::text, floor(extract(epoch from log.at) * 1000)::float8 / 1000 as at,
      case when account.id is not null then json_build_object('id', account.id, 'name', account.name) end as account,
      json_build_object('kind', log.actor_kind, 'id', log.actor_id, 'name', log.actor_name,
        'accountId', log.actor_account_id) as actor,
      log.action, json_build_object('kind', log.target_kind, 'id', log.target_id) as target,
      log.ip, log.request_id as "requestId", log.before, log.after
    from audit_log log left join accounts account on account.id = log.account_id
    where ${where} order by log.id desc limit ${limit}`;
}

function condition(sql: Sql, filters: AuditFilters): Condition {
  const { account, actor, action, targetKind, target, requestId, ip, from, before, search } = filters;
  const conditions = [
    account === undefined ? [] : sql`log.account_id = ${account}`,
    actor === undefined ? [] : sql`log.actor_name = ${actor}`,
    action === undefined ? [] : sql`log.action = ${action}`,
    targetKind === undefined ? [] : sql`log.target_kind = ${targetKind}`,
    target === undefined ? [] : sql`log.target_id = ${target}`,
    requestId === undefined ? [] : sql`log.request_id = ${requestId}`,
    ip === undefined ? [] : sql`log.ip = ${ip}`,
    from === undefined ? [] : sql`log.at >= ${moment(sql, from)}`,
    before === undefined ? [] : sql`log.at < ${moment(sql, before)}`,
    search === undefined ? [] : isFound(sql, search),
  ].flat();
  return conditions.reduce((all, one) => sql`${all} and ${one}`, sql`true`);
}

/** A whole number of milliseconds, as times are shown with: no fraction is lost on the way. */
function moment(sql: Sql, seconds: number): Condition {
  return sql`(timestamptz 'epoch' + ${Math.round(seconds * 1000)}::bigint * interval '1 millisecond')`;
}

/** Looked for as it is, so that no character of it is a wildcard; in JSON as JSON has it, between its quotes. */
function isFound(sql: Sql, text: string): Condition {
  const inJson = JSON.stringify(text).slice(1, -1);
  const holds = (value: Condition, part: string) => sql`strpos(lower(${value}), lower(${part}::text)) > 0`;
  return sql`(${holds(sql`log.actor_name`, text)} or ${holds(sql`log.target_id`, text)}
    or ${holds(sql`log.before::text`, inJson)} or ${holds(sql`log.after::text`, inJson)})`;
}

const NARROWING = {
  pointer: '?from',
  message:
    'must be given, or something else that narrows it, such as account, actor or target: there are too many entries to look through them all in time',
};
