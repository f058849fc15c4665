import { changePassword } from '../../engine/change-password.ts';
import { actorOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { limitsView } from '../limits-view.ts';
import { callerOf } from '../plugins/access.ts';
import { PasswordChangeSchema } from '../schemas/auth.ts';
import { answer, NoQuery, reference } from '../schemas/component.ts';
import { type Me, MeSchema } from '../schemas/me.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function meRoutes(app: ApiInstance, services: ApiServices): void {
  getMe(app, services);
  postPassword(app, services);
}

function getMe(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/me',
    {
      config: { permission: 'anyone' },
      schema: {
        operationId: 'getMe',
        tags: ['Access'],
        summary: 'Who calls, and what they may do',
        description: 'Of whatever key or token is sent.',
        querystring: NoQuery,
        response: { 200: answer('The caller', MeSchema) },
      },
    },
    async (request): Promise<Me> => {
      const { accountId, user, role, statements, principal, sessionId, limits } = callerOf(request);
      return {
        user,
        account: { account: accountId, name: await services.principals.nameOfAccount(accountId) },
        role,
        statements: statements.map(({ effect, actions }) => ({ effect, actions: [...actions] })),
        principal: { kind: principal.kind, ...('id' in principal && { id: principal.id }) },
        ...(sessionId !== null && { session: sessionId }),
        limits: limitsView(limits),
      };
    },
  );
}

function postPassword(app: ApiInstance, services: ApiServices): void {
  app.post(
    '/me/password',
    {
      bodyLimit: 8 * 1024,
      config: { permission: 'anyone', errors: ['forbidden', 'sign_in_locked'] },
      schema: {
        operationId: 'changePassword',
        tags: ['Access'],
        summary: 'Change the password of whoever calls',
        description:
          'Takes the current one too. All other sessions of the user end; the one that calls goes on. Wrong passwords count as they do at `POST /auth/token`.',
        querystring: NoQuery,
        body: reference(PasswordChangeSchema),
        response: { 204: { description: 'The password is changed', type: 'null' } },
      },
    },
    async (request, reply): Promise<void> => {
      const { current_password: current, new_password: next } = request.body;
      const who = { caller: callerOf(request), actor: actorOf(request) };
      await changePassword(services, who, { current, next });
      reply.code(204);
    },
  );
}
