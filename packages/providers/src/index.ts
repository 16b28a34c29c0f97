export { ByteRope } from './byte-rope.js';
export { checkCredential, type CheckCredentialOptions, type CredentialCheck } from './check-credential.js';
export { type CallerRequest, createCallerRequest, type JsonObject, readJsonObject } from './caller-request.js';
export { type DemoUpstream, type DemoUpstreamOptions, startDemoUpstream } from './demo/demo-upstream.js';
export { type DemoDirectiveName, demoDirectives } from './demo/directives.js';
export { demoDirectivesMarkdown } from './demo/directives-markdown.js';
export { anthropicMessagesDoor } from './dialects/anthropic-messages/door.js';
export { openAiChatDoor } from './dialects/openai-chat/door.js';
export { openAiResponsesDoor } from './dialects/openai-responses/door.js';
export type { AnswerContext, DialectDoor, DoorError, StreamWriter } from './dialect-door.js';
export { hasFineTuning } from './catalogue.js';
export {
  createFineTuningApi,
  type FileUpload,
  type FineTuningApi,
  type FineTuningApiOptions,
  type NewProviderTraining,
} from './fine-tuning/fine-tuning-api.js';
export type {
  ProviderCheckpoint,
  ProviderFile,
  ProviderTraining,
  ProviderTrainingEvent,
  ProviderTrainingStatus,
  TrainingFault,
} from './fine-tuning/provider-training.js';
export { FAILURE_KINDS, type FailureKind, ProviderError, type ProviderErrorOptions } from './failure.js';
export {
  findLocalServers,
  type FindLocalServersOptions,
  type LocalServer,
  type LocalServerKind,
} from './local-servers.js';
export {
  createEventSplitter,
  type EventSplitter,
  type ServerSentEvent,
  type SplitResult,
} from './http/event-stream.js';
export type { PostOptions, UpstreamClient, UpstreamResponse } from './http/upstream.js';
export { connectionKey, createProviderClient, type ProviderClientOptions } from './http/provider-client.js';
export { createUpstreamClient, type UpstreamClientOptions } from './http/upstream-client.js';
export { listProviderModels, type ListProviderModelsOptions } from './list-provider-models.js';
export type { CredentialHealthEntry } from './router/credential-health.js';
export { FAILURE_TABLE, failureTableMarkdown, type FailureRow } from './router/classify.js';
export type { EmbedCall, EngineCall, FailoverEngine } from './router/engine.js';
export {
  createFailoverEngine,
  type FailoverEngineOptions,
  type RunningFailoverEngine,
} from './router/failover-engine.js';
export type { ModelLoader, ModelLoadOutcome } from './router/model-loader.js';
export { createModelRouter, type ModelRouterOptions } from './router/create-model-router.js';
export {
  type CallSize,
  chatSize,
  COUNT_SIZE,
  embeddingsSize,
  expectedTokens,
  LARGEST_CONTEXT_TOKENS,
} from './router/call-size.js';
export { forbiddenName, isPermittedWhole, mayName, planOf } from './router/permitted-names.js';
export { modelsOf, wholeMicros, worstCaseOf } from './router/worst-case.js';
export type { ListedModel, ModelRouter, Selection } from './router/model-router.js';
export type { RouterObserver } from './router/observer.js';
export { type ChainStanding, standingOf } from './router/standing-of.js';
export type { Served, ServedAnswer, ServedFrame, ServedStream, StreamResult } from './router/served.js';
export { type Behaviour, SCRIPTED_TEXT } from './scripted/behaviour.js';
export { openScriptedUpstream } from './scripted/open-scripted-upstream.js';
export type { RecordedRequest } from './scripted/recorded-request.js';
export type { ScriptedUpstream } from './scripted/scripted-upstream.js';
export type { Capabilities, ChainPlan, Model, Price, Provider } from './target.js';
export type {
  ChatTurn,
  ChatWire,
  CountTokensWire,
  EmbeddingsWire,
  ErrorResponse,
  Frame,
  StreamReader,
  StreamReaderOptions,
  TurnOptions,
  UpstreamRequest,
  WholeAnswer,
} from './wire.js';
