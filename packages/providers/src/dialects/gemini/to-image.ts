import type { ImagePart } from '@moltbot/contracts';
import type { ModelTraits } from './model-traits.js';

export type GeminiPart = Readonly<Record<string, unknown>>;

const TYPES_BY_ENDING: ReadonlyMap<string, string> = new Map([
  ['bmp', 'image/bmp'],
  ['gif', 'image/gif'],
  ['heic', 'image/heic'],
  ['heif', 'image/heif'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['png', 'image/png'],
  ['webp', 'image/webp'],
]);

/** A file of Google's own stores: any model takes those. */
const OWN_FILE = /^(gs:\/\/|https:\/\/generativelanguage\.googleapis\.com\/)/;
const DATA_URL = /^data:([^;,]+);base64,/;

/**
 * An image as inlineData or fileData. An https URL is fetched by Google itself, by models that can (since January 2026; not
 * by Gemini 2.0): we fetch nothing on a caller's word.
 * @returns `undefined` where the model can't take it
 * @see https://ai.google.dev/gemini-api/docs/file-input-methods
 */
export function toImagePart(image: ImagePart, traits: ModelTraits): GeminiPart | undefined {
  const { source } = image;
  if (source.type === 'base64') return { inlineData: { mimeType: source.mediaType, data: source.data } };
  const data = DATA_URL.exec(source.url.slice(0, 200));
  if (data !== null) return { inlineData: { mimeType: data[1], data: source.url.slice(data[0].length) } };
  const fetched = traits.fetchesUrls && source.url.startsWith('https://');
  if (!fetched && !OWN_FILE.test(source.url)) return undefined;
  return { fileData: { mimeType: typeByEnding(source.url), fileUri: source.url } };
}

/** The field is demanded for files of others; the bytes are looked at by Google all the same. */
function typeByEnding(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return TYPES_BY_ENDING.get(path.slice(path.lastIndexOf('.') + 1).toLowerCase()) ?? 'image/jpeg';
}
