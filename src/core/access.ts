import type { AccountLimits } from './account-limits.ts';

/** Who may do what: a role is a list of statements; deny wins; what no statement names is not allowed. */

export interface Statement {
  effect: 'allow' | 'deny';
  /** Names of permissions or operations; `*` is all, `create_*` everything that starts so. */
  actions: readonly string[];
}

/** The permissions of the routes. An operation may not take one of these names. */
export const PERMISSIONS = [
  'create_upload_url',
  'invalidate_upload_url',
  'create_batch',
  'get_batches',
  'get_batch',
  'update_batch',
  'delete_batch',
  'get_operations',
  'get_cohorts',
  'get_cohort',
  'get_cohort_learners',
  'get_courses',
  'get_exams',
  'get_exam',
  'create_user',
  'get_users',
  'get_user',
  'update_user',
  'delete_user',
  'create_role',
  'get_roles',
  'get_role',
  'update_role',
  'delete_role',
  'create_api_key',
  'get_api_keys',
  'get_api_key',
  'delete_api_key',
  // Those of whoever runs this Sheaf: they reach into all accounts, and count only in the account that administers.
  'admin_get_batches',
  'admin_get_batch',
  'admin_update_batch',
  'admin_delete_batch',
  'admin_cancel_batches',
  'admin_get_accounts',
  'admin_get_account',
  'admin_create_account',
  'admin_update_account',
  'admin_get_audit',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** Actions that begin so reach into other accounts. */
export const ADMINISTRATION = 'admin_';

/** Operations may not have these names: what reaches into other accounts is not an account's own to run in batches. */
export function isNameOfRoutes(name: string): boolean {
  return (PERMISSIONS as readonly string[]).includes(name) || name.startsWith(ADMINISTRATION);
}

/** Who it is that calls: what they may do is looked up by it, whenever it matters. */
export type Principal =
  | { kind: 'user'; id: string }
  | { kind: 'api_key'; id: string }
  /** The one key of the settings, which may do everything. */
  | { kind: 'admin_key' };

/** On whose behalf a request or a chunk runs. Everything is owned by the account. */
export interface Caller {
  accountId: string;
  /** Whether the account is the one whose admins may reach into all others. */
  administers: boolean;
  /** The user's name; of an API key `key:` and its name, which is no name of a user. */
  user: string;
  principal: Principal;
  /** The name of the role that the statements are of. */
  role: string;
  statements: readonly Statement[];
  limits: AccountLimits;
  /** Of whoever signed in with a password. */
  sessionId: string | null;
}

export function isAllowed(statements: readonly Statement[], action: string): boolean {
  const names = (statement: Statement) => statement.actions.some((pattern) => matches(pattern, action));
  if (statements.some((statement) => statement.effect === 'deny' && names(statement))) return false;
  return statements.some((statement) => statement.effect === 'allow' && names(statement));
}

/** Whether a caller may do something, which for what reaches into other accounts depends on its own account too. */
export function mayDo(caller: Pick<Caller, 'statements' | 'administers'>, action: string): boolean {
  if (action.startsWith(ADMINISTRATION) && !caller.administers) return false;
  return isAllowed(caller.statements, action);
}

/**
 * Whether everything that `less` allows is allowed by `more` too: nobody gives a role away, or takes the place of
 * somebody, that may do more than they themselves. Never true when it is not so; where statements overlap in odd ways
 * (a pattern that several narrower ones make up together) it may be false though it is so.
 */
export function covers(more: readonly Statement[], less: readonly Statement[]): boolean {
  return lacking(more, less).length === 0;
}

/**
 * What `less` allows and `more` does not: actions and patterns. As statements may name thousands, each pattern is
 * looked up by the prefixes that it has instead of being compared with all others.
 */
export function lacking(more: readonly Statement[], less: readonly Statement[]): string[] {
  const allowed = patternsOf(more, 'allow');
  const denied = patternsOf(more, 'deny');
  const deniedToo = patternsOf(less, 'deny');
  const granted = new Set(
    [...patternsOf(less, 'allow')].filter((pattern) => !isIncluded(pattern, deniedToo)),
  );
  const notAllowed = [...granted].filter(
    (pattern) => !isIncluded(pattern, allowed) || isIncluded(pattern, denied),
  );
  // Of what is granted as a whole, what is denied in part to whoever gives it, and not to whoever gets it.
  const taken = [...denied].filter(
    (pattern) => isIncluded(pattern, granted) && !isIncluded(pattern, deniedToo),
  );
  return [...new Set([...notAllowed, ...taken])];
}

function patternsOf(statements: readonly Statement[], effect: Statement['effect']): Set<string> {
  return new Set(
    statements.filter((statement) => statement.effect === effect).flatMap(({ actions }) => actions),
  );
}

function matches(pattern: string, action: string): boolean {
  return pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : pattern === action;
}

/** Whether one of the patterns names everything that this one names: patterns are prefixes. */
function isIncluded(pattern: string, among: ReadonlySet<string>): boolean {
  if (among.has(pattern)) return true;
  const prefix = pattern.replace(/\*$/, '');
  for (let length = 0; length <= prefix.length; length++) {
    if (among.has(`${prefix.slice(0, length)}*`)) return true;
  }
  return false;
}
