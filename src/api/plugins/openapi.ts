import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { Type } from 'typebox';
import type { RequestErrorCode } from '../../core/errors.ts';
import { introduction, TAGS } from '../introduction.ts';
import { errorsOf, problemResponses } from '../problem-responses.ts';
import { documentRateLimits } from '../rate-limit-headers.ts';
import type { Component } from '../schemas/component.ts';
import { ANYONE, actionOf, DOCS_PREFIX } from './access.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route may answer besides the errors that follow from its schemas and its permission. */
    errors?: readonly RequestErrorCode[];
    /** Of a route that runs an operation: the codes with which the record fails (422), and what they mean. */
    failures?: Readonly<Record<string, string>>;
  }
}

const BEARER = 'bearer';

const CREDENTIALS =
  'An API key (`sheaf_…`), or a token that `POST /auth/token` gives for a name and a password. The scheme may be `JWT` as well.';

/** Describes the routes that are added from here on, as OpenAPI 3.1. */
export async function describeRoutes(app: FastifyInstance, components: readonly Component[]): Promise<void> {
  for (const component of components) app.addSchema(component);
  const optionalBodies: OperationPlace[] = [];
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sheaf', version: '1', description: introduction(), license: { name: 'MIT' } },
      tags: TAGS,
      security: [{ [BEARER]: [] }],
      components: {
        securitySchemes: { [BEARER]: { type: 'http', scheme: 'bearer', description: CREDENTIALS } },
      },
    },
    refResolver: {
      buildLocalReference: (json, _uri, _fragment, index) => String(json.$id ?? `def-${index}`),
    },
    transform: ({ schema, url, route }) => {
      if (route.config?.optionalBody)
        optionalBodies.push({ url, method: String(route.method).toLowerCase() });
      return { schema: documented(schema, route), url };
    },
    // The generator takes every body for a required one.
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      for (const { url, method } of optionalBodies)
        bodyAt(document.openapiObject, url, method).required = false;
      documentRateLimits(document.openapiObject);
      return document.openapiObject;
    },
  });
}

interface OperationPlace {
  url: string;
  method: string;
}

function bodyAt(document: object, url: string, method: string): { required?: boolean } {
  const { paths } = document as { paths: Record<string, Record<string, { requestBody?: object }>> };
  const body = paths[url]?.[method]?.requestBody;
  if (body === undefined) throw new Error(`${method} ${url} declares optionalBody, but has no body`);
  return body;
}

/** A route's schema with what follows from its config: who may call it, and every error that it may answer. */
function documented(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  if (schema === undefined || schema.hide) return { hide: true };
  const permission = actionOf(route.config?.permission) ?? null;
  const needs = permission === null ? 'Needs no key.' : `Needs ${whatIsNeeded(permission)}.`;
  return {
    ...schema,
    ...(schema.querystring !== undefined && { querystring: named(schema.querystring as QuerySchema) }),
    ...(route.config?.idempotencyKey === 'kept' && { headers: IDEMPOTENCY_KEY }),
    description: [schema.description, needs].filter(Boolean).join('\n\n'),
    ...(permission === null && { security: [] }),
    ...{ 'x-permission': permission },
    response: {
      ...problemResponses(errorsOf(route), route.config?.failures),
      ...(schema.response as object),
    },
  };
}

function whatIsNeeded(permission: string): string {
  return permission === ANYONE ? 'a key or a token, whatever the role' : `the permission \`${permission}\``;
}

const IDEMPOTENCY_KEY = Type.Object({
  'Idempotency-Key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Of your choice, a UUID for example: for 24 hours the same request with the same key gets the same answer, and takes effect once.',
    }),
  ),
});

interface QuerySchema {
  properties: Record<string, object>;
  patternProperties?: Record<string, { title: string; description: string; examples: unknown[] }>;
}

/**
 * Parameters that are known by a pattern only, under a name: OpenAPI has them as one object whose members stand in the
 * query by themselves (`style: form`, `explode: true`, which need not be said).
 */
function named({ patternProperties = {}, ...schema }: QuerySchema): QuerySchema {
  const properties = { ...schema.properties };
  for (const [pattern, { title, description, examples, ...value }] of Object.entries(patternProperties)) {
    const members = { propertyNames: { pattern }, additionalProperties: value };
    properties[title] = { type: 'object', ...members, description, examples };
  }
  return { ...schema, properties };
}

/**
 * `/openapi.json`, and the documents for readers, whose assets come from the package: nothing is fetched from elsewhere.
 */
export async function serveDocs(app: FastifyInstance): Promise<void> {
  const open = { config: { permission: null }, schema: { hide: true } };
  app.get('/openapi.json', open, async () => app.swagger());
  app.get('/', open, async (_request, reply) => reply.redirect(DOCS_PREFIX));
  await app.register(swaggerUi, {
    routePrefix: DOCS_PREFIX,
    theme: { title: 'Sheaf API' },
    uiConfig: {
      // Without the bar above, which names another product and offers to explore other documents.
      layout: 'BaseLayout',
      showExtensions: true,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      docExpansion: 'list',
    },
    // The package's own policy asks browsers to upgrade to HTTPS, which leaves the page blank where there is none.
    staticCSP: {
      'default-src': "'self'",
      'base-uri': "'self'",
      'frame-ancestors': "'none'",
      'img-src': "'self' data:",
      'object-src': "'none'",
      'style-src': "'self' 'unsafe-inline'",
    },
  });
}
