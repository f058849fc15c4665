import type { FastifyInstance } from 'fastify';
import type { ApiServices } from './api-services.ts';
import { takeJsonOnly } from './json-body.ts';
import { newServer } from './new-server.ts';
import { guardRoutes } from './plugins/access.ts';
import { guardAnswers } from './plugins/answer-policy.ts';
import { allowOrigins } from './plugins/cross-origin.ts';
import { answerErrorsAsProblems } from './plugins/errors.ts';
import { describeRoutes, serveDocs } from './plugins/openapi.ts';
import { limitRequests } from './plugins/rate-limits.ts';
import { addRequestRules } from './plugins/request-rules.ts';
import { requestChecker } from './request-check.ts';
import { adminAccountRoutes } from './routes/admin-accounts.ts';
import { adminAuditRoutes } from './routes/admin-audit.ts';
import { adminBatchRoutes } from './routes/admin-batches.ts';
import { adminCancelBatches } from './routes/admin-cancel-batches.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { authRoutes } from './routes/auth.ts';
import { batchEvents } from './routes/batch-events.ts';
import { batchRoutes } from './routes/batches.ts';
import { batchChangeRoutes } from './routes/change-batch.ts';
import { healthRoutes } from './routes/health.ts';
import { listBatches } from './routes/list-batches.ts';
import { meRoutes } from './routes/me.ts';
import { operationTemplate } from './routes/operation-template.ts';
import { operationRoutes } from './routes/operations.ts';
import { resultRoutes } from './routes/results.ts';
import { retryRoutes } from './routes/retry-batch.ts';
import { roleRoutes } from './routes/roles.ts';
import { runOperationRoutes } from './routes/run-operation.ts';
import { trainingCohortRoutes } from './routes/training-cohorts.ts';
import { trainingExamRoutes } from './routes/training-exams.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { userRoutes } from './routes/users.ts';
import { AccountLimitsSchema } from './schemas/account-limits.ts';
import {
  AccountLimitsRequestSchema,
  AccountPageSchema,
  AccountPatchSchema,
  AccountRequestSchema,
  AccountSchema,
} from './schemas/admin-accounts.ts';
import { AuditEntrySchema, AuditPageSchema } from './schemas/admin-audit.ts';
import {
  AdminBatchPageSchema,
  AdminBatchPatchSchema,
  AdminBatchSchema,
  BatchCancellationSchema,
  CancelledBatchesSchema,
} from './schemas/admin-batches.ts';
import { ApiKeyPageSchema, ApiKeyRequestSchema, ApiKeySchema, NewApiKeySchema } from './schemas/api-key.ts';
import {
  PasswordChangeSchema,
  RefreshRequestSchema,
  SignedInSchema,
  SignInRequestSchema,
} from './schemas/auth.ts';
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
import { MeSchema } from './schemas/me.ts';
import { OperationPageSchema, OperationViewSchema } from './schemas/operation.ts';
import { ProblemSchema } from './schemas/problem.ts';
import { ResultFilesSchema } from './schemas/results.ts';
import { RetryRequestSchema } from './schemas/retry-request.ts';
import { RolePageSchema, RolePatchSchema, RoleRequestSchema, RoleSchema } from './schemas/role.ts';
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
import { UserPageSchema, UserPatchSchema, UserRequestSchema, UserSchema } from './schemas/user.ts';
import type { ApiInstance } from './typed-instance.ts';

export type { ApiServices } from './api-services.ts';

const COMPONENTS = [
  BatchSchema,
  BatchPageSchema,
  BatchRequestSchema,
  RetryRequestSchema,
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
  SignInRequestSchema,
  RefreshRequestSchema,
  SignedInSchema,
  MeSchema,
  PasswordChangeSchema,
  AccountLimitsSchema,
  UserSchema,
  UserPageSchema,
  UserRequestSchema,
  UserPatchSchema,
  RoleSchema,
  RolePageSchema,
  RoleRequestSchema,
  RolePatchSchema,
  ApiKeySchema,
  ApiKeyPageSchema,
  ApiKeyRequestSchema,
  NewApiKeySchema,
  AdminBatchSchema,
  AdminBatchPageSchema,
  AdminBatchPatchSchema,
  BatchCancellationSchema,
  CancelledBatchesSchema,
  AccountSchema,
  AccountPageSchema,
  AccountRequestSchema,
  AccountPatchSchema,
  AccountLimitsRequestSchema,
  AuditEntrySchema,
  AuditPageSchema,
];

const ROUTES = [
  uploadRoutes,
  batchRoutes,
  retryRoutes,
  listBatches,
  batchChangeRoutes,
  batchEvents,
  resultRoutes,
  operationRoutes,
  runOperationRoutes,
  operationTemplate,
  trainingCohortRoutes,
  trainingExamRoutes,
  authRoutes,
  meRoutes,
  userRoutes,
  roleRoutes,
  apiKeyRoutes,
  adminBatchRoutes,
  adminCancelBatches,
  adminAccountRoutes,
  adminAuditRoutes,
  healthRoutes,
];

/**
 * The HTTP API, ready to `listen` or to be injected into.
 * @throws {Error} when a route declares no permission
 */
export async function buildApi(services: ApiServices): Promise<FastifyInstance> {
  const app = newServer(services);
  addRequestRules(app);
  await guardAnswers(app, services.edge ?? {});
  await allowOrigins(app, services.edge?.corsOrigins);
  guardRoutes(app, services.authenticator);
  limitRequests(app, services);
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
