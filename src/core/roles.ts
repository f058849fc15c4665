import { PERMISSIONS, type Permission, type Statement } from './access.ts';

/** The roles that every account has. Their names are taken; nobody changes or removes them. */

export interface Role {
  name: string;
  /** One line on what it is for. */
  description: string;
  statements: readonly Statement[];
}

/** What the batches of an account, and what they work on, can be looked at with. */
const LOOKING: readonly Permission[] = [
  'get_batches',
  'get_batch',
  'get_operations',
  'get_cohorts',
  'get_cohort',
  'get_cohort_learners',
  'get_courses',
  'get_exams',
  'get_exam',
];

const SUBMITTING: readonly Permission[] = [
  ...LOOKING,
  'create_upload_url',
  'invalidate_upload_url',
  'create_batch',
];

const OPERATING: readonly Permission[] = [...SUBMITTING, 'update_batch', 'delete_batch'];

/** Every operation, and of the permissions these: so whatever permission is added is denied until it is named. */
function operationsAnd(permissions: readonly Permission[]): Statement[] {
  return [
    { effect: 'allow', actions: ['*'] },
    { effect: 'deny', actions: PERMISSIONS.filter((name) => !permissions.includes(name)) },
  ];
}

export const ADMIN_ROLE = 'admin';

export const BUILT_IN_ROLES: readonly Role[] = [
  {
    name: ADMIN_ROLE,
    description: 'Everything in the account, its users, roles and keys too.',
    statements: [{ effect: 'allow', actions: ['*'] }],
  },
  {
    name: 'operator',
    description: 'Runs all operations, and cancels, resumes and deletes batches.',
    statements: operationsAnd(OPERATING),
  },
  {
    name: 'submitter',
    description: 'Uploads files, runs all operations, and follows the batches.',
    statements: operationsAnd(SUBMITTING),
  },
  {
    name: 'viewer',
    description: 'Looks, and changes nothing.',
    statements: [{ effect: 'allow', actions: LOOKING }],
  },
];

export function builtInRole(name: string): Role | undefined {
  return BUILT_IN_ROLES.find((role) => role.name === name);
}
