import { RequestError } from '../../core/errors.ts';
import type { ApiServices } from '../api-services.ts';
import { sendProblem } from '../problem.ts';
import { answer } from '../schemas/component.ts';
import { type Health, HealthSchema } from '../schemas/health.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function healthRoutes(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/health/live',
    {
      config: { permission: null },
      schema: {
        operationId: 'isLive',
        tags: ['Health'],
        summary: 'Whether the process answers',
        description: 'Looks at nothing else: restart the process when this fails.',
        response: { 200: answer('It does', HealthSchema) },
      },
    },
    async (): Promise<Health> => ({ status: 'ok', checks: {} }),
  );

  app.get(
    '/health/ready',
    {
      config: { permission: null },
      schema: {
        operationId: 'isReady',
        tags: ['Health'],
        summary: 'Whether requests can be served',
        description:
          'Looks at what requests need; with `npm start` at its disk too. The problem that a 503 answers has `checks` too.',
        response: { 200: answer('They can', HealthSchema) },
      },
    },
    async (request, reply) => {
      const found = Object.entries(await services.health());
      const failing = found.filter(([, fault]) => fault !== null);
      const checks = Object.fromEntries(
        found.map(([name, fault]) => [name, fault === null ? ('ok' as const) : ('failing' as const)]),
      );
      if (failing.length === 0) return { status: 'ok', checks } satisfies Health;
      // Anybody may ask here, and reasons tell of hosts and accounts: those are for the log.
      request.log.warn({ checks: Object.fromEntries(failing) }, 'not ready');
      const names = failing.map(([name]) => name).join(', ');
      return sendProblem(reply, new RequestError('unavailable', `not ready: ${names}; the log says why`), {
        checks,
      });
    },
  );
}
