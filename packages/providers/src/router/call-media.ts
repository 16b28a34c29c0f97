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
const SIGNS = ['"image', '"input_', '"document"', '"file"', '_url"', '_upload"', '\\u00'];
/** Items of OpenAI's responses are: every reference has an id. Chats are full of those words, and would be parsed for them. */
const ITEM_SIGNS = ['"image', '"input_', '_output"', '_call"', '"id"', '_url"', '\\u00'];
/** Results of tools hold content, and documents in it do once more. */
const DEEPEST = 4;
/** Tools that the caller carries out: nothing is read but what the request says. All others are the provider's own. */
const CALLERS_TOOL = /^(?:function|custom|(?:bash|text_editor|computer|memory)_\d+)$/;
/** What is read besides the request: what is searched for, and what the provider keeps. */
const FETCHING = ['web_search_options', 'mcp_servers', 'previous_response_id', 'conversation', 'prompt'];
/** Items whose whole content stands in the request. */
const CALLERS_ITEM: ReadonlySet<string> = new Set([
  'message',
  'user',
  'assistant',
  'system',
  'developer',
  'reasoning',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
]);
const IMAGE_DATA = /^data:image\/[\w.+-]{1,64};base64,/i;

/**
 * Looks at the request as it came, and not at its translation: where the bytes are passed on, what has no word in ours costs
 * too, and a request that can't be translated is answered all the same.
 */
export function mediaOf(call: CallerRequest): CallMedia {
  const { scanned } = call;
  const read = (key: string): unknown => (scanned === undefined ? call.value[key] : scanned.read(key));
  const isFetching = FETCHING.some((key) => isSaid(read(key)));
  const tally: Tally = {
    images: 0,
    imageBytes: 0,
    isOpenEnded: isFetching || objectsOf(read('tools')).some(isProviders),
  };
  const body = scanned === undefined ? call.bytes : scanned.body;
  const isItems = call.dialect === 'openai-responses';
  if ((isItems ? ITEM_SIGNS : SIGNS).some((sign) => body.includes(sign))) {
    if (isItems) countItems(call.value['input'], tally);
    else for (const message of objectsOf(call.value['messages'])) countParts(message['content'], tally, DEEPEST);
  }
  return tally;
}

/** Items of OpenAI's responses. What a provider's own tool brought earlier may be read again, whatever the item shows of it. */
function countItems(input: unknown, tally: Tally): void {
  for (const item of objectsOf(input)) {
    countParts(item['content'], tally, DEEPEST);
    countParts(item['output'], tally, DEEPEST);
    if (!CALLERS_ITEM.has(String(item['type'] ?? item['role']))) tally.isOpenEnded = true;
  }
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
      case 'input_image': {
        const said = part['image_url'];
        tally.images += 1;
        if (typeof said === 'string')
          tally.imageBytes += said.length - (IMAGE_DATA.exec(said)?.[0].length ?? said.length);
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
      case 'input_file':
      case 'input_audio':
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
