import type { CallerRequest } from '../../caller-request.js';
import { passBody } from '../../pass-body.js';
import type { TurnOptions, UpstreamRequest } from '../../wire.js';
import { withoutOurReasoning } from './own-reasoning.js';
import { JSON_HEADERS, PATH } from './to-request.js';

/** Members that only we know. */
const OURS = ['models'];

/** The caller's own bytes with the model rewritten, without reasoning that other models gave in earlier turns. */
export function passRequest(call: CallerRequest, options: TurnOptions): UpstreamRequest {
  const set: Record<string, string> = { model: JSON.stringify(options.model) };
  if (options.stream !== call.stream) set['stream'] = String(options.stream);
  const input = withoutOurReasoning(call);
  if (input !== undefined) set['input'] = input;
  return { path: PATH, body: passBody(call, { set, remove: OURS }), headers: JSON_HEADERS, dropped: [] };
}
