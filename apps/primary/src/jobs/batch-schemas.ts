import { parseDuration } from '@moltbot/config';
import { BATCH_ENDPOINTS, isBatchEndpoint } from '@moltbot/contracts';
import type { BatchRecord } from '@moltbot/storage';
import { z } from 'zod';
import { expirySeconds, FILE_ID, seconds } from './file-schemas.js';

export const BATCH_ID = /^batch_[0-9a-f]{24}$/;

const SHORTEST_WINDOW_MS = 1_000;
const LONGEST_WINDOW_MS = 7 * 86_400_000;
const MOST_METADATA = 16;

const storable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const window = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= SHORTEST_WINDOW_MS && ms <= LONGEST_WINDOW_MS) return { text, ms };
  context.addIssue({ code: 'custom', message: 'expected a length of time like 24h, 1s to 7d' });
  return z.NEVER;
});

const endpoint = z.string().transform((text, context) => {
  if (isBatchEndpoint(text)) return text;
  const known = BATCH_ENDPOINTS.join(', ');
  const said = JSON.stringify(text.slice(0, 100));
  context.addIssue({ code: 'custom', message: `batches of ${said} are not served here, only of ${known}` });
  return z.NEVER;
});

export const newBatchSchema = z.strictObject({
  input_file_id: z.string().regex(FILE_ID, 'expected the id of a file, file-…'),
  endpoint,
  completion_window: window.prefault('24h'),
  metadata: z
    .record(z.string().max(64).refine(storable, 'expected text'), z.string().max(512).refine(storable, 'expected text'))
    .refine((value) => Object.keys(value).length <= MOST_METADATA, `expected at most ${MOST_METADATA} pairs`)
    .nullish(),
  output_expires_after: z.strictObject({ anchor: z.literal('created_at'), seconds: expirySeconds }).optional(),
});

export const batchListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().regex(BATCH_ID, 'expected the id of a batch').optional(),
});

/** As OpenAI's clients know it. */
export function toBatchObject(batch: BatchRecord) {
  const ended = (status: BatchRecord['status']) => (batch.status === status ? maybeSeconds(batch.endedAt) : null);
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    errors:
      batch.errors === undefined
        ? null
        : {
            object: 'list',
            data: batch.errors.map(({ code, message, line, param }) => ({
              code,
              message,
              line: line ?? null,
              param: param ?? null,
            })),
          },
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: batch.status,
    output_file_id: batch.outputFileId ?? null,
    error_file_id: batch.errorFileId ?? null,
    created_at: seconds(batch.createdAt),
    in_progress_at: maybeSeconds(batch.inProgressAt),
    expires_at: seconds(batch.expiresAt),
    finalizing_at: maybeSeconds(batch.finalizingAt),
    completed_at: ended('completed'),
    failed_at: ended('failed'),
    expired_at: ended('expired'),
    cancelling_at: maybeSeconds(batch.cancellingAt),
    cancelled_at: ended('cancelled'),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    metadata: batch.metadata ?? null,
  };
}

function maybeSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : seconds(ms);
}
