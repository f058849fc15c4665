import { BUILT_IN_ROLES } from '../../core/roles.ts';
import { changeRole } from '../../engine/change-role.ts';
import { createRole } from '../../engine/create-role.ts';
import type { RoleStore } from '../../engine/ports/access-stores.ts';
import { removeRole } from '../../engine/remove-role.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { pageBy } from '../page.ts';
import { callerOf } from '../plugins/access.ts';
import { ROLE_CURSOR, type RolePlace } from '../role-cursor.ts';
import { roleName, roleNotFound } from '../role-name.ts';
import { roleView } from '../role-view.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import { PageQuery } from '../schemas/page.ts';
import {
  type RolePage,
  RolePageSchema,
  RoleParams,
  RolePatchSchema,
  RoleRequestSchema,
  RoleSchema,
  type RoleView,
} from '../schemas/role.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function roleRoutes(app: ApiInstance, services: ApiServices): void {
  postRole(app, services);
  getRoles(app, services);
  getRole(app, services);
  patchRole(app, services);
  deleteRole(app, services);
}

function postRole(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/roles',
    {
      config: { permission: 'create_role', errors: ['name_taken'] },
      schema: {
        operationId: 'createRole',
        tags: ['Access'],
        summary: 'Add a role',
        description:
          'A role of the account’s own, for its users and keys. It may allow no more than the role of whoever makes it.',
        querystring: NoQuery,
        body: reference(RoleRequestSchema),
        response: { 201: answer('The role', RoleSchema, { Location: 'Where the role is.' }) },
      },
    },
    async (request, reply): Promise<RoleView> => {
      const { roles } = accountOf(request, services);
      const role = await createRole({ roles }, callerOf(request), request.body);
      reply.code(201).header('location', `/roles/${role.name}`);
      return roleView(role, services.operations);
    },
  );
}

function getRoles(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/roles',
    {
      config: { permission: 'get_roles' },
      schema: {
        operationId: 'listRoles',
        tags: ['Access'],
        summary: 'List the roles',
        description: 'Those of the account, newest first, then those that every account has.',
        querystring: PageQuery,
        response: { 200: answer('A page of roles', RolePageSchema) },
      },
    },
    async (request): Promise<RolePage> => {
      const { roles } = accountOf(request, services);
      return await pageBy(
        ROLE_CURSOR,
        request.query,
        (page) => listAll(roles, page),
        (role) => roleView(role, services.operations),
      );
    },
  );
}

/** The built-in ones come after the account's own: they were there before. */
async function listAll(roles: RoleStore, page: { limit: number; before?: RolePlace }) {
  const place = BUILT_IN_ROLES.findIndex(({ name }) => name === page.before?.name);
  const own = place === -1 ? await roles.list(page) : [];
  return [...own, ...BUILT_IN_ROLES.slice(place + 1)].slice(0, page.limit);
}

function getRole(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/roles/:role',
    {
      config: { permission: 'get_role', errors: ['role_not_found'] },
      schema: {
        operationId: 'getRole',
        tags: ['Access'],
        summary: 'Look at a role',
        params: RoleParams,
        querystring: NoQuery,
        response: { 200: answer('The role', RoleSchema) },
      },
    },
    async (request): Promise<RoleView> => {
      const name = roleName(request.params.role);
      const role = await accountOf(request, services).roles.find(name);
      if (role === null) throw roleNotFound(name);
      return roleView(role, services.operations);
    },
  );
}

function patchRole(app: ApiInstance, services: ApiServices): void {
  app.patch(
    '/roles/:role',
    {
      config: { permission: 'update_role', errors: ['role_not_found', 'role_built_in'] },
      schema: {
        operationId: 'changeRole',
        tags: ['Access'],
        summary: 'Change what a role may do',
        description:
          'Counts from the next request on of everybody who has it, in all processes; batches that are under way are asked about again at each chunk. Needs a role that covers this one as it was and as it will be.',
        params: RoleParams,
        querystring: NoQuery,
        body: reference(RolePatchSchema),
        response: { 200: answer('The role, changed', RoleSchema) },
      },
    },
    async (request): Promise<RoleView> => {
      const { roles } = accountOf(request, services);
      const name = roleName(request.params.role);
      const role = await changeRole({ roles }, callerOf(request), name, request.body);
      return roleView(role, services.operations);
    },
  );
}

function deleteRole(app: ApiInstance, services: ApiServices): void {
  app.delete(
    '/roles/:role',
    {
      config: { permission: 'delete_role', errors: ['role_not_found', 'role_built_in', 'role_in_use'] },
      schema: {
        operationId: 'deleteRole',
        tags: ['Access'],
        summary: 'Remove a role that nobody has',
        description:
          'Give its users another one and revoke its keys first. Needs a role that covers this one.',
        params: RoleParams,
        querystring: NoQuery,
        response: { 204: { description: 'It is removed', type: 'null' } },
      },
    },
    async (request, reply): Promise<void> => {
      const { roles } = accountOf(request, services);
      await removeRole({ roles }, callerOf(request), roleName(request.params.role));
      reply.code(204);
    },
  );
}
