export type { AuditRecord } from './audit-record.js';
export { BATCH_ENDPOINTS, type BatchEndpoint, isBatchEndpoint } from './batch-endpoints.js';
export { isCallersFault } from './callers-fault.js';
export { DIALECTS, type Dialect } from './dialect.js';
export {
  type AttemptSummary,
  ERRORS,
  type ErrorCode,
  type ErrorRow,
  MoltbotError,
  type MoltbotErrorOptions,
} from './errors.js';
export {
  ENDED_JOB_STATES,
  JOB_STATES,
  type JobArtifact,
  type JobState,
  type JobView,
  JOB_ARTIFACTS,
  jobArtifactPrefix,
  jobOfArtifact,
  jobArtifactSchema,
  jobViewSchema,
} from './job-view.js';
export {
  isJobName,
  type JobContract,
  type JobName,
  type JobPayload,
  jobQueues,
  type JobResult,
  type JobRetention,
  JOBS,
  type ThreadJobName,
} from './jobs.js';
export { LOG_FORMATS, type LogSource } from './log-analysis-job.js';
export type {
  AssistantMessage,
  ChatAnswer,
  ChatRequest,
  FinishReason,
  ImagePart,
  Json,
  Message,
  ReasoningOptions,
  ReasoningPart,
  RefusalPart,
  ResponseFormat,
  SystemMessage,
  TextPart,
  ToolCallPart,
  ToolChoice,
  ToolDefinition,
  ToolMessage,
  Usage,
  UserMessage,
} from './messages.js';
export { isModelPermission, permitsModel } from './model-permission.js';
export { formatModelRef, isProviderName, type ModelRef, parseModelRef } from './model-ref.js';
export {
  BUILTIN_PROVIDERS,
  type BuiltinProvider,
  isBuiltinProvider,
  LOCAL_PROVIDER,
  PROVIDER_KINDS,
  type ProviderKind,
} from './provider-kinds.js';
export { isRefusal, ROLE_EXIT, roleFailure, type RoleMessage } from './role-message.js';
export { hasScope, isScope, type Scope, SCOPES } from './scopes.js';
export { Secret } from './secret.js';
export { isContent, type StreamPart } from './stream-parts.js';
export type { AttemptRecord, RequestRecord } from './usage-records.js';
