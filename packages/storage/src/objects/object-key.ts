import { MoltbotError } from '@moltbot/contracts';

const SEGMENT = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const MAX_LENGTH = 512;

/**
 * A key is a path of lower-case segments (`files/file_12ab/content`): safe on every file system, also on those that fold
 * case, and in every bucket. No segment begins with a dot.
 * @throws MoltbotError `invalid_request`
 */
export function checkObjectKey(key: string): string {
  if (key.length > MAX_LENGTH || !key.split('/').every((segment) => SEGMENT.test(segment))) {
    throw new MoltbotError(
      'invalid_request',
      'The key of an object may hold only a-z, 0-9, . _ - and / between parts.',
      {
        param: 'key',
      },
    );
  }
  return key;
}

/** A prefix is the beginning of a key. @throws MoltbotError `invalid_request` */
export function checkObjectPrefix(prefix: string): string {
  if (prefix.length > MAX_LENGTH || !/^([a-z0-9][a-z0-9._-]*\/?)*$/.test(prefix)) {
    throw new MoltbotError('invalid_request', 'A prefix may hold only what keys hold.', { param: 'prefix' });
  }
  return prefix;
}
