import { RequestError } from '../../core/errors.ts';
import { changeUser } from '../../engine/change-user.ts';
import { createUser } from '../../engine/create-user.ts';
import type { User } from '../../engine/ports/access-stores.ts';
import { removeUser } from '../../engine/remove-user.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { milliseconds } from '../batch-view.ts';
import { pageById } from '../page.ts';
import { callerOf } from '../plugins/access.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import { PageQuery } from '../schemas/page.ts';
import {
  type UserPage,
  UserPageSchema,
  UserParams,
  UserPatchSchema,
  UserRequestSchema,
  UserSchema,
  type UserView,
} from '../schemas/user.ts';
import type { ApiInstance } from '../typed-instance.ts';
import { isUuid } from '../uuid.ts';

export function userRoutes(app: ApiInstance, services: ApiServices): void {
  postUser(app, services);
  getUsers(app, services);
  getUser(app, services);
  patchUser(app, services);
  deleteUser(app, services);
}

function postUser(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/users',
    {
      config: { permission: 'create_user', errors: ['name_taken'] },
      schema: {
        operationId: 'createUser',
        tags: ['Access'],
        summary: 'Add a user',
        description:
          'Somebody who signs in with a password (`POST /auth/token`) and may do what the role allows, within the account. Programs have API keys.',
        querystring: NoQuery,
        body: reference(UserRequestSchema),
        response: { 201: answer('The user', UserSchema, { Location: 'Where the user is.' }) },
      },
    },
    async (request, reply): Promise<UserView> => {
      const { users } = accountOf(request, services);
      const user = await createUser({ ...services, users }, callerOf(request), request.body);
      reply.code(201).header('location', `/users/${user.id}`);
      return userView(user);
    },
  );
}

function getUsers(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/users',
    {
      config: { permission: 'get_users' },
      schema: {
        operationId: 'listUsers',
        tags: ['Access'],
        summary: 'List the users of the account',
        description: 'Newest first.',
        querystring: PageQuery,
        response: { 200: answer('A page of users', UserPageSchema) },
      },
    },
    async (request): Promise<UserPage> =>
      await pageById(request.query, (page) => accountOf(request, services).users.list(page), userView),
  );
}

function getUser(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/users/:user',
    {
      config: { permission: 'get_user', errors: ['user_not_found'] },
      schema: {
        operationId: 'getUser',
        tags: ['Access'],
        summary: 'Look at a user',
        params: UserParams,
        querystring: NoQuery,
        response: { 200: answer('The user', UserSchema) },
      },
    },
    async (request): Promise<UserView> => {
      const user = await accountOf(request, services).users.find(userId(request.params.user));
      if (user === null) throw notFound();
      return userView(user);
    },
  );
}

function patchUser(app: ApiInstance, services: ApiServices): void {
  app.patch(
    '/users/:user',
    {
      config: { permission: 'update_user', errors: ['user_not_found', 'last_admin'] },
      schema: {
        operationId: 'changeUser',
        tags: ['Access'],
        summary: 'Give a user another role or password, or disable it',
        description:
          'Counts from the next request on, in all processes. Whatever changes, the sessions of the user end. Needs a role that covers the one that the user has, and the one that it gets.',
        params: UserParams,
        querystring: NoQuery,
        body: reference(UserPatchSchema),
        response: { 200: answer('The user, changed', UserSchema) },
      },
    },
    async (request): Promise<UserView> => {
      const { users } = accountOf(request, services);
      const id = userId(request.params.user);
      return userView(await changeUser({ ...services, users }, callerOf(request), id, request.body));
    },
  );
}

function deleteUser(app: ApiInstance, services: ApiServices): void {
  app.delete(
    '/users/:user',
    {
      config: { permission: 'delete_user', errors: ['user_not_found', 'last_admin'] },
      schema: {
        operationId: 'deleteUser',
        tags: ['Access'],
        summary: 'Remove a user',
        description:
          'Its sessions end. What it has made, API keys too, is the account’s and stays; its batches that are under way end in `failed` with `permission_withdrawn`, and can be resumed by somebody else.',
        params: UserParams,
        querystring: NoQuery,
        response: { 204: { description: 'It is removed', type: 'null' } },
      },
    },
    async (request, reply): Promise<void> => {
      const { users } = accountOf(request, services);
      await removeUser({ users }, callerOf(request), userId(request.params.user));
      reply.code(204);
    },
  );
}

function userView({ id, name, role, disabled, createdAt, updatedAt }: User): UserView {
  const [created_ts, updated_ts] = [milliseconds(createdAt), milliseconds(updatedAt)];
  return { user: id, username: name, role, disabled, created_ts, updated_ts };
}

/** @throws {RequestError} user_not_found for what cannot be the id of one */
function userId(text: string): string {
  if (!isUuid(text)) throw notFound();
  return text.toLowerCase();
}

function notFound(): RequestError {
  return new RequestError('user_not_found', 'there is no user with this id in the account');
}
