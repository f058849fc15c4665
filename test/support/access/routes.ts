import type { Things } from './tenants.ts';

/** Who may do what, written down once more by hand: what the code says is held against this. */

export const ROLES = ['admin', 'operator', 'submitter', 'viewer', 'nothing'] as const;
export type RoleName = (typeof ROLES)[number];

const SUBMITS: readonly RoleName[] = ['admin', 'operator', 'submitter'];
const OPERATES: readonly RoleName[] = ['admin', 'operator'];
const LOOKS: readonly RoleName[] = ['admin', 'operator', 'submitter', 'viewer'];
const MANAGES: readonly RoleName[] = ['admin'];

/**
 * `open`: anybody, without a key; `known`: whoever is known; `session`: whoever signed in, which no key did;
 * `administrators`: admins of the account that administers.
 */
export type Access = 'open' | 'known' | 'session' | 'administrators' | readonly RoleName[];

export interface RouteRule {
  access: Access;
  /** What is sent: it names what is there, and is otherwise such that as little as possible happens. */
  request(things: Things): { url: string; body?: unknown };
  /** How it answers when what it names is not there, or another account's. */
  missing?: string;
  /** It lists what is the account's own. */
  lists?: true;
}

const NOTHING = {};

/** By method and path of the OpenAPI document. A route that is not here fails the test. */
export const RULES: Readonly<Record<string, RouteRule>> = {
  'GET /health/live': { access: 'open', request: () => ({ url: '/health/live' }) },
  'GET /health/ready': { access: 'open', request: () => ({ url: '/health/ready' }) },
  'POST /auth/token': { access: 'open', request: () => ({ url: '/auth/token', body: NOTHING }) },
  'POST /auth/refresh': { access: 'open', request: () => ({ url: '/auth/refresh', body: NOTHING }) },
  'POST /auth/sign-out': { access: 'session', request: () => ({ url: '/auth/sign-out' }) },
  'GET /me': { access: 'known', request: () => ({ url: '/me' }) },
  'POST /me/password': { access: 'known', request: () => ({ url: '/me/password', body: NOTHING }) },

  'POST /uploads': { access: SUBMITS, request: () => ({ url: '/uploads', body: NOTHING }) },
  'POST /uploads/{handler}/complete': {
    access: SUBMITS,
    request: ({ upload }) => ({ url: `/uploads/${upload}/complete`, body: [{ number: 1, etag: 'x' }] }),
    missing: 'handler_not_found',
  },
  'DELETE /uploads/{handler}': {
    access: SUBMITS,
    request: ({ upload }) => ({ url: `/uploads/${upload}` }),
    missing: 'handler_not_found',
  },
  'POST /batches': {
    access: SUBMITS,
    request: ({ freeUpload }) => ({
      url: '/batches',
      body: { handler: freeUpload, operation: 'create_learner' },
    }),
    missing: 'handler_not_found',
  },
  'POST /batches/{batch}/retry': {
    access: SUBMITS,
    request: ({ batch }) => ({ url: `/batches/${batch}/retry`, body: { priority: 1 } }),
    missing: 'batch_not_found',
  },
  'GET /batches': { access: LOOKS, request: () => ({ url: '/batches?limit=100' }), lists: true },
  'GET /batches/{batch}': {
    access: LOOKS,
    request: ({ batch }) => ({ url: `/batches/${batch}` }),
    missing: 'batch_not_found',
  },
  'PATCH /batches/{batch}': {
    access: OPERATES,
    request: ({ batch }) => ({ url: `/batches/${batch}`, body: { metadata: { changed: true } } }),
    missing: 'batch_not_found',
  },
  'DELETE /batches/{batch}': {
    access: OPERATES,
    request: ({ batch }) => ({ url: `/batches/${batch}` }),
    missing: 'batch_not_found',
  },
  'GET /batches/{batch}/results': {
    access: LOOKS,
    request: ({ batch }) => ({ url: `/batches/${batch}/results` }),
    missing: 'batch_not_found',
  },
  'GET /batches/{batch}/events': {
    access: LOOKS,
    request: ({ batch }) => ({ url: `/batches/${batch}/events` }),
    missing: 'batch_not_found',
  },

  'GET /operations': { access: LOOKS, request: () => ({ url: '/operations' }) },
  'GET /operations/{name}': { access: LOOKS, request: () => ({ url: '/operations/create_learner' }) },
  'GET /operations/{name}/template': {
    access: LOOKS,
    request: () => ({ url: '/operations/create_learner/template' }),
  },

  'GET /training/courses': { access: LOOKS, request: () => ({ url: '/training/courses' }), lists: true },
  'GET /training/cohorts': { access: LOOKS, request: () => ({ url: '/training/cohorts' }), lists: true },
  'GET /training/cohorts/{cohort_id}': {
    access: LOOKS,
    request: ({ cohort }) => ({ url: `/training/cohorts/${cohort}` }),
    missing: 'cohort_not_found',
  },
  'GET /training/cohorts/{cohort_id}/learners': {
    access: LOOKS,
    request: ({ cohort }) => ({ url: `/training/cohorts/${cohort}/learners` }),
    missing: 'cohort_not_found',
  },
  'GET /training/exams': { access: LOOKS, request: () => ({ url: '/training/exams' }), lists: true },
  'GET /training/exams/{slug}': {
    access: LOOKS,
    request: ({ exam }) => ({ url: `/training/exams/${exam}` }),
    missing: 'exam_not_found',
  },

  'GET /users': { access: MANAGES, request: () => ({ url: '/users?limit=100' }), lists: true },
  'POST /users': { access: MANAGES, request: () => ({ url: '/users', body: NOTHING }) },
  'GET /users/{user}': {
    access: MANAGES,
    request: ({ user }) => ({ url: `/users/${user}` }),
    missing: 'user_not_found',
  },
  'PATCH /users/{user}': {
    access: MANAGES,
    request: ({ user }) => ({ url: `/users/${user}`, body: { role: 'operator' } }),
    missing: 'user_not_found',
  },
  'DELETE /users/{user}': {
    access: MANAGES,
    request: ({ user }) => ({ url: `/users/${user}` }),
    missing: 'user_not_found',
  },

  'GET /roles': { access: MANAGES, request: () => ({ url: '/roles' }), lists: true },
  'POST /roles': { access: MANAGES, request: () => ({ url: '/roles', body: NOTHING }) },
  'GET /roles/{role}': {
    access: MANAGES,
    request: ({ role }) => ({ url: `/roles/${role}` }),
    missing: 'role_not_found',
  },
  'PATCH /roles/{role}': {
    access: MANAGES,
    request: ({ role }) => ({ url: `/roles/${role}`, body: { description: 'changed' } }),
    missing: 'role_not_found',
  },
  'DELETE /roles/{role}': {
    access: MANAGES,
    request: ({ role }) => ({ url: `/roles/${role}` }),
    missing: 'role_not_found',
  },

  'GET /api-keys': { access: MANAGES, request: () => ({ url: '/api-keys?limit=100' }), lists: true },
  'POST /api-keys': { access: MANAGES, request: () => ({ url: '/api-keys', body: NOTHING }) },
  'GET /api-keys/{api_key}': {
    access: MANAGES,
    request: ({ apiKey }) => ({ url: `/api-keys/${apiKey}` }),
    missing: 'api_key_not_found',
  },
  'DELETE /api-keys/{api_key}': {
    access: MANAGES,
    request: ({ apiKey }) => ({ url: `/api-keys/${apiKey}` }),
    missing: 'api_key_not_found',
  },

  'GET /admin/batches': { access: 'administrators', request: () => ({ url: '/admin/batches?limit=100' }) },
  'GET /admin/batches/{batch}': {
    access: 'administrators',
    request: ({ batch }) => ({ url: `/admin/batches/${batch}` }),
  },
  'PATCH /admin/batches/{batch}': {
    access: 'administrators',
    request: ({ batch }) => ({ url: `/admin/batches/${batch}`, body: { metadata: { by: 'an admin' } } }),
  },
  'DELETE /admin/batches/{batch}': {
    access: 'administrators',
    request: ({ batch }) => ({ url: `/admin/batches/${batch}` }),
  },
  'POST /admin/batches/cancel': {
    access: 'administrators',
    request: ({ account }) => ({ url: '/admin/batches/cancel', body: { account, dry_run: true } }),
  },
  'GET /admin/accounts': { access: 'administrators', request: () => ({ url: '/admin/accounts' }) },
  'POST /admin/accounts': {
    access: 'administrators',
    request: () => ({ url: '/admin/accounts', body: NOTHING }),
  },
  'GET /admin/accounts/{account}': {
    access: 'administrators',
    request: ({ account }) => ({ url: `/admin/accounts/${account}` }),
  },
  'PATCH /admin/accounts/{account}': {
    access: 'administrators',
    request: ({ account }) => ({ url: `/admin/accounts/${account}`, body: { limits: { batches: 9 } } }),
  },
  'GET /admin/audit': { access: 'administrators', request: () => ({ url: '/admin/audit' }) },
  'GET /admin/audit/export': { access: 'administrators', request: () => ({ url: '/admin/audit/export' }) },
};

/** Each operation has a path of its own; whoever submits may run them all. */
export function ruleOf(route: string): RouteRule | undefined {
  const name = /^POST \/operations\/([a-z0-9_]+)$/.exec(route)?.[1];
  if (name === undefined) return RULES[route];
  return { access: SUBMITS, request: () => ({ url: `/operations/${name}`, body: NOTHING }) };
}
