import { createHash } from 'node:crypto';
import { MoltbotError } from '@moltbot/contracts';
import type { StoredObject } from './object-store.js';

/** The same bytes; at the end of a body that was asked for whole, length and checksum are compared with what was stored. */
export async function* checkedBody(options: {
  readonly object: StoredObject;
  readonly body: AsyncIterable<Uint8Array>;
  readonly start: number;
  readonly end: number;
}): AsyncGenerator<Uint8Array, void, undefined> {
  const { object, body, start, end } = options;
  const hash = object.sha256 !== undefined && start === 0 && end === object.size ? createHash('sha256') : undefined;
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    hash?.update(chunk);
    yield chunk;
  }
  if (size !== end - start) throw damaged(object.key, `${size} bytes came instead of ${end - start}`);
  if (hash !== undefined && hash.digest('hex') !== object.sha256) throw damaged(object.key, 'its checksum is another');
}

function damaged(key: string, reason: string): MoltbotError {
  return new MoltbotError(
    'object_store_unavailable',
    `The object \`${key}\` can't be read as it was stored: ${reason}.`,
  );
}

/** Where a range begins and ends in an object of that size. @throws MoltbotError `invalid_request` */
export function rangeOf(size: number, { start = 0, end = size }: { readonly start?: number; readonly end?: number }) {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start > size || end < start) {
    throw new MoltbotError('invalid_request', `The range does not lie in the ${size} bytes of the object.`, {
      param: 'range',
    });
  }
  return { start, end: Math.min(end, size) };
}
