import type { CallerRequest } from '../caller-request.js';
import type { JsonObject } from '../json-object.js';

/** What a request brings besides text. */
export interface CallMedia {
  readonly images: number;
  /** Bytes of the request that are images. */
  readonly imageBytes: number;
  /** Whether something is read whose length no byte of the request shows: a PDF, a file, what a provider's own tool fetches. */
  readonly isOpenEnded: boolean;
}

interface Tally {
  images: number;
  imageBytes: number;
  isOpenEnded: boolean;
}

/** Messages without any of these words are text. Any letter may be written as an escape, so those count too. */
const SIGNS = ['"image', '"document"', '"file"', '_url"', '_upload"', '\\u00'];
/** Results of tools hold content, and documents in it do once more. */
const DEEPEST = 4;
/** Tools that the caller carries out: nothing is read but what the request says. All others are the provider's own. */
const CALLERS_TOOL = /^(?:function|custom|(?:bash|text_editor|computer|memory)_\d+)$/;
const IMAGE_DATA = /^data:image\/[\w.+-]{1,64};base64,/i;

/**
 * Looks at the request as it came, and not at its translation: where the bytes are passed on, what has no word in ours costs
 * too, and a request that can't be translated is answered all the same.
 */
export function mediaOf(call: CallerRequest): CallMedia {
  const { scanned } = call;
  const read = (key: string): unknown => (scanned === undefined ? call.value[key] : scanned.read(key));
  const isFetching = ['web_search_options', 'mcp_servers'].some((key) => isSaid(read(key)));
  const tally: Tally = {
    images: 0,
    imageBytes: 0,
    isOpenEnded: isFetching || objectsOf(read('tools')).some(isProviders),
  };
  const body = scanned === undefined ? call.bytes : scanned.body;
  if (SIGNS.some((sign) => body.includes(sign))) {
    for (const message of objectsOf(call.value['messages'])) countParts(message['content'], tally, DEEPEST);
  }
  return tally;
}

function isProviders({ type }: JsonObject): boolean {
  return isSaid(type) && !CALLERS_TOOL.test(String(type));
}

function countParts(content: unknown, tally: Tally, depth: number): void {
  if (depth === 0) return;
  for (const part of objectsOf(content)) {
    const source = objectOf(part['source']);
    switch (part['type']) {
      case 'image':
        tally.images += 1;
        if (source?.['type'] === 'base64' && typeof source['data'] === 'string')
          tally.imageBytes += source['data'].length;
        break;
      case 'image_url': {
        const said = objectOf(part['image_url'])?.['url'] ?? part['image_url'];
        tally.images += 1;
        if (typeof said === 'string') {
          const head = IMAGE_DATA.exec(said)?.[0].length ?? said.length;
          tally.imageBytes += said.length - head;
        }
        break;
      }
      case 'document':
        if (source?.['type'] === 'content') countParts(source['content'], tally, depth - 1);
        else if (source?.['type'] !== 'text') tally.isOpenEnded = true;
        break;
      case 'tool_result':
        countParts(part['content'], tally, depth - 1);
        break;
      case 'file':
      case 'file_url':
      case 'video_url':
      case 'audio_url':
      case 'container_upload':
        tally.isOpenEnded = true;
    }
  }
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function objectsOf(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value)) return [];
  return value.map(objectOf).filter((item) => item !== undefined);
}

function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
