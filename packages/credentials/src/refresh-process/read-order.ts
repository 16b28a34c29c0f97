import { parseRefreshOrder, type RefreshOrder } from '../refresh-order.js';

const MOST_BYTES = 4 * 1_048_576;

/** The whole of stdin. @throws where it is too large, or was cut off */
export async function readOrder(input: AsyncIterable<Buffer>): Promise<RefreshOrder> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new RangeError('the order is too large');
    chunks.push(chunk);
  }
  return parseRefreshOrder(Buffer.concat(chunks).toString('utf8'));
}
