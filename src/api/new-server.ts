import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { ApiServices } from './api-services.ts';
import { connectionLimits, Owed } from './connection-limits.ts';
import { answerBrokenConnection, answerError } from './plugins/errors.ts';
import { requestIds } from './request-id.ts';
import { trustsProxy } from './trusted-proxies.ts';

const BODY_LIMIT = 1024 * 1024;

/** Of all headers of a request together, its first line included. */
const HEADER_BYTES = 16 * 1024;

/** Longer than any name in a path: ids have 36 characters, names of operations at most 64. */
const LONGEST_PARAMETER = 100;

/** The server before it has routes: what it takes, how long it waits, and whom it believes. */
export function newServer(services: ApiServices): FastifyInstance {
  const { log, bodyLimit = BODY_LIMIT, edge = {} } = services;
  const limits = connectionLimits(edge.connections);
  const trusts = trustsProxy(edge.trustProxy ?? false);
  const app: FastifyInstance = Fastify({
    loggerInstance: withoutSecrets(log),
    bodyLimit,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: limits.checkMs,
    },
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxRequestsPerSocket: limits.requestsPerConnection,
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    genReqId: requestIds(trusts),
    trustProxy: edge.trustProxy ? trusts : false,
    // Ours says the same as a problem (plugins/request-rules.ts).
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: (error, socket) => answerBrokenConnection(error, socket, owed.on(socket)),
  });
  const owed = new Owed(app.server);
  app.server.maxConnections = limits.connections;
  return app;
}

/**
 * What the logger that we are given writes of a request: never its headers, which hold keys, nor its query, which
 * holds what people look for.
 */
function withoutSecrets(log: FastifyBaseLogger): FastifyBaseLogger {
  const req = ({ method, url, ip }: FastifyRequest) => ({
    method,
    path: url.split('?', 1)[0],
    remoteAddress: ip,
  });
  return log.child({}, { serializers: { req } });
}
