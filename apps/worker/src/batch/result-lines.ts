import { createHash } from 'node:crypto';
import type { MoltbotError } from '@moltbot/contracts';
import { openAiChatDoor } from '@moltbot/providers';
import type { BatchResult } from '@moltbot/storage';

/** Which line of which batch a result is for. */
export interface ResultOf {
  readonly batchId: string;
  readonly line: number;
  /** `null` where the line has none. */
  readonly customId: string | null;
}

/** A request that was answered: a line of the output file. */
export function answeredLine(
  of: ResultOf,
  answer: { readonly requestId: string; readonly body: unknown },
): BatchResult {
  const response = { status_code: 200, request_id: answer.requestId, body: answer.body };
  return toLine(of, 'output', { response, error: null });
}

/** A request that was sent or tried and failed: a line of the error file, as its own caller would have been told. */
export function failedLine(
  of: ResultOf,
  failure: { readonly requestId: string; readonly error: MoltbotError },
): BatchResult {
  const { requestId, error } = failure;
  const { code, http, message, param, attempts } = error;
  const body = openAiChatDoor.toError({ code, http, message, param, attempts, requestId });
  return toLine(of, 'error', { response: { status_code: http, request_id: requestId, body }, error: null });
}

/** A line that was never sent: it is no request, or the batch ended before. */
export function unsentLine(of: ResultOf, error: { readonly code: string; readonly message: string }): BatchResult {
  return toLine(of, 'error', { response: null, error: { code: error.code, message: error.message, line: of.line } });
}

function toLine(of: ResultOf, kind: BatchResult['kind'], rest: object): BatchResult {
  const { batchId, line, customId } = of;
  const content = JSON.stringify({ id: resultId(batchId, line), custom_id: customId, ...rest });
  return { line, kind, content };
}

/** The same however often the line is answered. */
function resultId(batchId: string, line: number): string {
  return `batch_req_${createHash('sha256').update(`${batchId} ${line}`).digest('hex').slice(0, 24)}`;
}
