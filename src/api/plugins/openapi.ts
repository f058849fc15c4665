import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, RouteOptions } from 'fastify';
import type { RequestErrorCode } from '../../core/errors.ts';
import { introduction, TAGS } from '../introduction.ts';
import { problemResponses } from '../problem-responses.ts';
import { reference, type Component } from '../schemas/component.ts';
import { DOCS_PREFIX } from './access.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route may answer besides the errors that any route may. */
    errors?: readonly RequestErrorCode[];
  }
  interface FastifySchema {
    operationId?: string;
  }
}

const BEARER = 'bearer';
const OPTIONAL_BODY = 'x-optional-body';

/** Describes the routes that are added from here on, as OpenAPI 3.1. */
export async function describeRoutes(app: FastifyInstance, components: readonly Component[]): Promise<void> {
  for (const component of components) app.addSchema(component);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sheaf', version: '0.1.0', description: introduction() },
      tags: TAGS,
      security: [{ [BEARER]: [] }],
      components: {
        securitySchemes: {
          [BEARER]: { type: 'http', scheme: 'bearer', description: 'An API key.' },
        },
      },
    },
    refResolver: { buildLocalReference: (json, _uri, _fragment, index) => String(json.$id ?? `def-${index}`) },
    transform: ({ schema, url, route }) => ({ schema: documented(schema, route), url }),
    transformObject: (document) => withOptionalBodies(document),
  });
}
