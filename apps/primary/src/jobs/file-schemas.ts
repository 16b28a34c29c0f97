import type { FileRecord } from '@moltbot/storage';
import { z } from 'zod';

/** What files may be for, as OpenAI names it, and `logs` for log analysis; `batch_output` is what batches write. */
export const FILE_PURPOSES = ['batch', 'fine-tune', 'user_data', 'assistants', 'vision', 'evals', 'logs'] as const;

export const FILE_ID = /^file-[0-9a-f]{24}$/;

/** Lifetimes as OpenAI's API takes them: an hour to thirty days. */
export const expirySeconds = z.coerce.number().int().min(3_600).max(2_592_000);

/** The fields beside the file. */
export const uploadFieldsSchema = z
  .strictObject({
    purpose: z.enum(FILE_PURPOSES),
    'expires_after[anchor]': z.literal('created_at').optional(),
    'expires_after[seconds]': expirySeconds.optional(),
  })
  .transform((fields) => ({ purpose: fields.purpose, expiresAfter: fields['expires_after[seconds]'] }));

export const fileListQuerySchema = z.strictObject({
  purpose: z.enum([...FILE_PURPOSES, 'batch_output', 'fine-tune-results']).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().regex(FILE_ID, 'expected the id of a file').optional(),
});

/** As OpenAI's clients know it. */
export function toFileObject(file: FileRecord) {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: seconds(file.createdAt),
    expires_at: file.expiresAt === undefined ? null : seconds(file.expiresAt),
    filename: file.name,
    purpose: file.purpose,
    status: 'processed',
    status_details: null,
    sha256: file.sha256 ?? null,
  };
}

export function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
