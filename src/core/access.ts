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
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** On whose behalf a request or a chunk runs. Everything is owned by the account. */
export interface Caller {
  accountId: string;
  user: string;
  statements: readonly Statement[];
}

export const ADMIN_STATEMENTS: readonly Statement[] = [{ effect: 'allow', actions: ['*'] }];

export function isAllowed(statements: readonly Statement[], action: string): boolean {
  const names = (statement: Statement) => statement.actions.some((pattern) => matches(pattern, action));
  if (statements.some((statement) => statement.effect === 'deny' && names(statement))) return false;
  return statements.some((statement) => statement.effect === 'allow' && names(statement));
}

function matches(pattern: string, action: string): boolean {
  return pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : pattern === action;
}
