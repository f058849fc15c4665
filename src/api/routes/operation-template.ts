import { makeTemplate } from '../../engine/make-template.ts';
import type { TemplateFormat } from '../../formats/template/table.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { callerOf } from '../plugins/access.ts';
import { OperationParams } from '../schemas/operation.ts';
import { parametersOf, TemplateQuery } from '../schemas/operation-template.ts';
import type { ApiInstance } from '../typed-instance.ts';

const CONTENT_TYPES: Record<TemplateFormat, string> = {
  csv: 'text/csv; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

const FILE = { schema: { type: 'string', contentEncoding: 'binary' } };

const DESCRIPTION =
  'A file with a column for each field and example rows, which can be uploaded as it is. A workbook has lists to choose from, formats of dates and numbers, and a sheet that explains each column. Some operations fill the file in with what is known already: they may ask for parameters, and the permission of the operation itself is needed too.';

export function operationTemplate(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/operations/:name/template',
    {
      config: { permission: 'get_operations', errors: ['operation_not_found'] },
      schema: {
        operationId: 'getTemplate',
        tags: ['Operations'],
        summary: 'Get a file to fill in',
        description: DESCRIPTION,
        params: OperationParams,
        querystring: TemplateQuery,
        response: {
          200: {
            description: 'The file, as an attachment',
            headers: { 'Content-Disposition': { type: 'string', description: 'Its name.' } },
            content: Object.fromEntries(Object.values(CONTENT_TYPES).map((type) => [type, FILE])),
          },
        },
      },
    },
    async (request, reply) => {
      const { format = 'xlsx' } = request.query;
      const { filename, content } = await makeTemplate(
        { ...services, ...accountOf(request, services) },
        callerOf(request),
        {
          name: request.params.name,
          format,
          parameters: parametersOf(request.query),
        },
      );
      reply.header('content-type', CONTENT_TYPES[format]);
      reply.header('content-disposition', `attachment; filename="${filename}"`);
      return reply.send(content);
    },
  );
}
