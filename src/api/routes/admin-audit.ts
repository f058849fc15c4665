import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { RequestError } from '../../core/errors.ts';
import type { AuditRow } from '../../engine/ports/audit-log.ts';
import type { ApiServices } from '../api-services.ts';
import { encodeCursor, notACursor, textOfCursor } from '../cursor.ts';
import { type CursorOf, pageBy } from '../page.ts';
import {
  type AuditEntryView,
  AuditExportQuery,
  type AuditPage,
  AuditPageSchema,
  AuditQuery,
  auditFiltersOf,
} from '../schemas/admin-audit.ts';
import { answer } from '../schemas/component.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function adminAuditRoutes(app: ApiInstance, services: ApiServices): void {
  getAudit(app, services);
  exportAudit(app, services);
}

const tags = ['Administration'];

function getAudit(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/admin/audit',
    {
      config: { permission: 'admin_get_audit' },
      schema: {
        operationId: 'listAuditEntries',
        tags,
        summary: 'Look who did what',
        description:
          'Newest first. Every filter that is given must fit. What looks through more than some seconds allow is refused with `invalid_request`, and a word on what to narrow.',
        querystring: AuditQuery,
        response: { 200: answer('A page of entries', AuditPageSchema) },
      },
    },
    async (request): Promise<AuditPage> => {
      const filters = auditFiltersOf(request.query);
      return await pageBy(
        BY_NUMBER,
        request.query,
        (page) => services.admin.audit.list({ ...page, filters }),
        entryView,
      );
    },
  );
}

const NDJSON = 'application/x-ndjson';

const LINES = { type: 'string', description: 'Each line is an `AuditEntry`.' };

function exportAudit(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/admin/audit/export',
    {
      config: { permission: 'admin_get_audit' },
      schema: {
        operationId: 'exportAuditLog',
        tags,
        summary: 'Export the audit log as NDJSON',
        description:
          'Every entry that fits and is there by now, one a line, newest first, however many they are. An export that is cut short, as it is when the right to see it ends, ends without the last chunk of its body, which clients take for an error.',
        querystring: AuditExportQuery,
        response: {
          200: {
            description: 'The entries, as an attachment',
            headers: { 'Content-Disposition': { type: 'string', description: 'Its name.' } },
            content: { [NDJSON]: { schema: LINES } },
          },
        },
      },
    },
    async (request, reply) => {
      reply.header('content-type', NDJSON);
      reply.header('content-disposition', 'attachment; filename="audit-log.ndjson"');
      if (request.method === 'HEAD') return reply.send(Buffer.alloc(0));
      const pages = services.admin.audit.export(auditFiltersOf(request.query))[Symbol.asyncIterator]();
      // Before anything is answered: what goes wrong at once is told as a problem.
      const first = await pages.next();
      // One page at a time: the next is read once the client has taken this one, and none when it is gone.
      return reply.send(Readable.from(linesOf(request, first, pages), { highWaterMark: 1 }));
    },
  );
}

/** Goes on only as long as whoever asked may see it, as it may take hours. */
async function* linesOf(
  request: Pick<FastifyRequest, 'isStillAdmitted'>,
  first: IteratorResult<AuditRow[]>,
  pages: AsyncIterator<AuditRow[]>,
): AsyncGenerator<string> {
  try {
    for (let page = first; !page.done; page = await pages.next()) {
      yield page.value.map((row) => `${JSON.stringify(entryView(row))}\n`).join('');
      if (!(await request.isStillAdmitted())) {
        throw new RequestError('forbidden', 'whoever exports the audit log may not see it any more');
      }
    }
  } finally {
    await pages.return?.();
  }
}

function entryView(row: AuditRow): AuditEntryView {
  const { account, actor } = row;
  return {
    entry: row.id,
    ts: row.at,
    account: account === null ? null : { account: account.id, name: account.name },
    actor: { kind: actor.kind, id: actor.id, name: actor.name, account: actor.accountId },
    action: row.action,
    target: { kind: row.target.kind, id: row.target.id },
    ip: row.ip,
    request_id: row.requestId,
    before: row.before,
    after: row.after,
  };
}

/** As PostgreSQL's bigint, or shorter. */
const NUMBER = /^[1-9]\d{0,17}$/;

const BY_NUMBER: CursorOf<AuditRow, string> = {
  encode: ({ id }) => encodeCursor(id),
  decode: (cursor) => {
    const id = textOfCursor(cursor);
    if (!NUMBER.test(id)) throw notACursor();
    return id;
  },
};
