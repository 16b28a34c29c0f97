import { type GgufHeader, partsOf } from './read-gguf-header.js';

/** The engine's process before a model is in it, and its work space. */
const PROCESS_BYTES = 200 * 1_048_576;
const BYTES_PER_VALUE = 2;

/**
 * Bytes that a model will take: its file, and keys and values (16 bit) of all layers for every token of every conversation.
 * Numbers that the file doesn't say count nothing.
 */
export function estimateMemory(
  header: GgufHeader,
  { context, parallel }: { readonly context: number; readonly parallel: number },
): number {
  const { architecture, metadata, fileSize } = header;
  const number = (key: string): number => {
    const value = metadata.get(`${architecture}.${key}`);
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
  };
  const heads = number('attention.head_count');
  const perHead = number('attention.key_length') || (heads > 0 ? number('embedding_length') / heads : 0);
  const cached = (number('attention.head_count_kv') || heads) * perHead * number('block_count');
  return Math.ceil(PROCESS_BYTES + fileSize * partsOf(metadata) + cached * 2 * BYTES_PER_VALUE * context * parallel);
}
