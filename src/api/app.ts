import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { ApiServices } from './api-services.ts';
import { takeJsonOnly } from './json-body.ts';
import { guardRoutes } from './plugins/access.ts';
import { answerBrokenConnection, answerError, answerErrorsAsProblems } from './plugins/errors.ts';
import { describeRoutes, serveDocs } from './plugins/openapi.ts';
import { addRequestRules } from './plugins/request-rules.ts';
import { requestChecker } from './request-check.ts';
import { batchEvents } from './routes/batch-events.ts';
import { batchRoutes } from './routes/batches.ts';
import { batchChangeRoutes } from './routes/change-batch.ts';
import { healthRoutes } from './routes/health.ts';
import { listBatches } from './routes/list-batches.ts';
import { operationTemplate } from './routes/operation-template.ts';
import { operationRoutes } from './routes/operations.ts';
import { resultRoutes } from './routes/results.ts';
import { runOperationRoutes } from './routes/run-operation.ts';
import { trainingCohortRoutes } from './routes/training-cohorts.ts';
import { trainingExamRoutes } from './routes/training-exams.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { BatchPageSchema, BatchSchema } from './schemas/batch.ts';
import { BatchDeletionSchema, BatchPatchSchema } from './schemas/batch-change.ts';
import {
  BatchGoneEventSchema,
  BatchProgressEventSchema,
  BatchStatusEventSchema,
} from './schemas/batch-events.ts';
import { BatchRequestSchema } from './schemas/batch-request.ts';
import { FileFormatSchema } from './schemas/file-format.ts';
import { HealthSchema } from './schemas/health.ts';
import { OperationPageSchema, OperationViewSchema } from './schemas/operation.ts';
import { ProblemSchema } from './schemas/problem.ts';
import { ResultFilesSchema } from './schemas/results.ts';
import {
  CohortLearnerPageSchema,
  CohortLearnerSchema,
  CohortPageSchema,
  CohortSchema,
} from './schemas/training-cohort.ts';
import { CoursePageSchema, CourseSchema } from './schemas/training-course.ts';
import { ExamDetailSchema, ExamPageSchema, ExamSchema } from './schemas/training-exam.ts';
import {
  CompletedPartsSchema,
  CompletedUploadSchema,
  PartsTicketSchema,
  UploadRequestSchema,
  UploadTicketSchema,
} from './schemas/upload.ts';
import type { ApiInstance } from './typed-instance.ts';

export type { ApiServices } from './api-services.ts';

const BODY_LIMIT = 1024 * 1024;

/** For a whole request to arrive; bodies are small here. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Longer than any name in a path: ids have 36 characters, names of operations at most 64. */
const LONGEST_PARAMETER = 100;

const COMPONENTS = [
  BatchSchema,
  BatchPageSchema,
  BatchRequestSchema,
  BatchPatchSchema,
  BatchDeletionSchema,
  BatchStatusEventSchema,
  BatchProgressEventSchema,
  BatchGoneEventSchema,
  FileFormatSchema,
  HealthSchema,
  OperationViewSchema,
  OperationPageSchema,
  ProblemSchema,
  ResultFilesSchema,
  UploadRequestSchema,
  UploadTicketSchema,
  PartsTicketSchema,
  CompletedPartsSchema,
  CompletedUploadSchema,
  CohortSchema,
  CohortPageSchema,
  CohortLearnerSchema,
  CohortLearnerPageSchema,
  CourseSchema,
  CoursePageSchema,
  ExamSchema,
  ExamPageSchema,
  ExamDetailSchema,
];

const ROUTES = [
  uploadRoutes,
  batchRoutes,
  listBatches,
  batchChangeRoutes,
  batchEvents,
  resultRoutes,
  operationRoutes,
  runOperationRoutes,
  operationTemplate,
  trainingCohortRoutes,
  trainingExamRoutes,
  healthRoutes,
];

/**
 * The HTTP API, ready to `listen` or to be injected into.
 * @throws {Error} when a route declares no permission
 */
export async function buildApi(services: ApiServices): Promise<FastifyInstance> {
  const app = newServer(services);
  addRequestRules(app);
  guardRoutes(app, services.authenticator);
  answerErrorsAsProblems(app);
  takeJsonOnly(app);
  app.setValidatorCompiler(requestChecker(COMPONENTS));
  // Answers are built field by field and typed by their schemas; tests check them. To filter them here as well would
  // only hide a field that somebody forgot to describe.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));

  await describeRoutes(app, COMPONENTS);
  const typed: ApiInstance = app.withTypeProvider();
  for (const routes of ROUTES) routes(typed, services);
  await serveDocs(app);
  return app;
}

function newServer(services: ApiServices): FastifyInstance {
  return Fastify({
    loggerInstance: withoutHeaders(services.log),
    bodyLimit: services.bodyLimit ?? BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    genReqId: () => randomUUID(),
    trustProxy: false,
    // Ours says the same as a problem (plugins/request-rules.ts).
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: answerBrokenConnection,
  });
}

/** Whatever the logger that we are given would write of a request: never its headers, which hold keys. */
function withoutHeaders(log: FastifyBaseLogger): FastifyBaseLogger {
  const req = ({ method, url, ip }: FastifyRequest) => ({ method, url, remoteAddress: ip });
  return log.child({}, { serializers: { req } });
}
