export {
  type Behaviour,
  SCRIPTED_TEXT,
  type ScriptedAnswer,
  type ScriptedToolCall,
  type StatusBehaviour,
} from './scripted/behaviour.js';
export type { RecordedRequest } from './scripted/recorded-request.js';
export {
  type Script,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  startScriptedUpstream,
} from './scripted/scripted-upstream.js';
export {
  chunk,
  type RawConnection,
  type RawStep,
  type RawUpstream,
  type RawUpstreamOptions,
  slowly,
  startRawUpstream,
} from './testing/raw-upstream.js';
export * as recordedTraining from './testing/recorded-training.js';
export {
  type AskedOfService,
  type ServiceTraining,
  startTrainingService,
  type TrainingFault,
  type TrainingService,
} from './testing/training-service.js';
