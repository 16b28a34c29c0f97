import type { CallerRequest } from '../../caller-request.js';
import { passBody } from '../../pass-body.js';
import type { TurnOptions, UpstreamRequest } from '../../wire.js';
import { JSON_HEADERS, PATH } from './to-request.js';

/** Members that only we know. */
const OURS = ['models'];
/** Refused where nothing is streamed. */
const OURS_AND_STREAM_OPTIONS = ['models', 'stream_options'];

/** The caller's own bytes with the model rewritten, and with the ask for usage that we need for the accounts. */
export function passRequest(call: CallerRequest, options: TurnOptions): UpstreamRequest {
  const set: Record<string, string> = { model: JSON.stringify(options.model) };
  if (options.stream !== call.stream) set['stream'] = String(options.stream);
  const { streamOptions } = call;
  if (options.stream && options.streamUsage && streamOptions?.['include_usage'] !== true) {
    set['stream_options'] = JSON.stringify({ ...streamOptions, include_usage: true });
  }
  const remove = options.stream || streamOptions === undefined ? OURS : OURS_AND_STREAM_OPTIONS;
  const body = passBody(call, { set, remove });
  return { path: PATH, body, headers: JSON_HEADERS, dropped: [] };
}
