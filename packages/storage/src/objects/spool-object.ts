import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';
import type { PutObject } from './object-store.js';

/** The bytes of an upload on disk, counted and hashed. Whoever gets it moves or removes the file. */
export interface SpooledObject {
  readonly file: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/**
 * Writes an upload to a file of its own in `directory` and syncs it. On any failure the file is gone.
 * @throws MoltbotError `payload_too_large`, `invalid_request` (checksum)
 */
export async function spoolObject(directory: string, options: PutObject): Promise<SpooledObject> {
  const file = join(directory, `${randomUUID()}.part`);
  const handle = await open(file, 'wx', 0o600);
  try {
    const counted = await writeAll(handle, options);
    await handle.sync();
    await handle.close();
    return { file, ...counted };
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(file, { force: true });
    throw error;
  }
}

async function writeAll(handle: FileHandle, { body, maxBytes, sha256, signal }: PutObject) {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body) {
    signal?.throwIfAborted();
    size += chunk.byteLength;
    if (size > maxBytes) throw new MoltbotError('payload_too_large', `The object is larger than ${maxBytes} bytes.`);
    hash.update(chunk);
    await handle.writeFile(chunk);
  }
  signal?.throwIfAborted();
  const digest = hash.digest('hex');
  if (sha256 !== undefined && digest !== sha256.toLowerCase()) {
    throw new MoltbotError('invalid_request', 'The bytes do not have the SHA-256 checksum that was announced.', {
      param: 'sha256',
    });
  }
  return { size, sha256: digest };
}
