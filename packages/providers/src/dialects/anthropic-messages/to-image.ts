import type { ImagePart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  'image/jpeg': 'image/jpeg',
  'image/jpg': 'image/jpeg',
  'image/png': 'image/png',
  'image/gif': 'image/gif',
  'image/webp': 'image/webp',
};

const DATA_URL = /^data:([a-z]+\/[a-z0-9.+-]+)(?:;[a-z0-9=._-]+)*;base64,/i;

/** An image block; `undefined` for a format or an address that the API can't take. */
export function toImage(source: ImagePart['source']): JsonObject | undefined {
  if (source.type === 'base64') return toBase64Image(source.mediaType, source.data);
  const url = source.url;
  if (/^https?:\/\//i.test(url)) return { type: 'image', source: { type: 'url', url } };
  const [head, mediaType] = DATA_URL.exec(url.slice(0, 200)) ?? [];
  return head === undefined || mediaType === undefined ? undefined : toBase64Image(mediaType, url.slice(head.length));
}

function toBase64Image(mediaType: string, data: string): JsonObject | undefined {
  const known = MEDIA_TYPES[mediaType.toLowerCase()];
  return known === undefined ? undefined : { type: 'image', source: { type: 'base64', media_type: known, data } };
}
