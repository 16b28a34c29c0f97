import { ERRORS, type ErrorCode } from './errors.js';

/** Refused with a status of the caller's, though it is providers that take no more. */
const OURS_ALL_THE_SAME: ReadonlySet<string> = new Set<ErrorCode>(['rate_limited']);

/** Whether a request that ended with this code was refused for what its caller sent, or may: the service itself is well. */
export function isCallersFault(code: string): boolean {
  if (!Object.hasOwn(ERRORS, code) || OURS_ALL_THE_SAME.has(code)) return false;
  return ERRORS[code as ErrorCode].http < 500;
}
