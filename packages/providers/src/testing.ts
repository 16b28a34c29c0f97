export {
  type Behaviour,
  SCRIPTED_TEXT,
  type ScriptedAnswer,
  type ScriptedToolCall,
  type StatusBehaviour,
} from './testing/behaviour.js';
export type { RecordedRequest } from './testing/recorded-request.js';
export {
  type Script,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  startScriptedUpstream,
} from './testing/scripted-upstream.js';
export {
  chunk,
  type RawConnection,
  type RawStep,
  type RawUpstream,
  type RawUpstreamOptions,
  slowly,
  startRawUpstream,
} from './testing/raw-upstream.js';
