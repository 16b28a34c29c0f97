import type { CallerRequest } from './caller-request.js';
import { spliceTopLevel, type TopLevelEdits } from './json-splice.js';

/** A caller's own bytes with top-level members rewritten. */
export function passBody(call: CallerRequest, edits: TopLevelEdits): Buffer {
  return call.scanned?.splice(edits) ?? spliceTopLevel(call.bytes, edits);
}
