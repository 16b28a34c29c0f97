import { describe, expect, it } from '@jest/globals';
import { OutputPosition } from './output-position.js';

describe('the position of a stream that is passed as it is', () => {
  it('keeps 8 MB of items, begun or whole, and of longer streams only the numbers', () => {
    for (const type of ['response.output_item.added', 'response.output_item.done']) {
      const position = new OutputPosition();
      for (let index = 0; index < 100; index += 1) {
        position.note({ type, output_index: index, sequence_number: index, item: { id: `i${index}` } }, 100_000, [], 0);
        expect(position.open.size + position.done.size).toBeLessThan(84);
      }
      expect(position).toMatchObject({ isForgotten: true, sequence: 100 });
      expect(position.open.size + position.done.size).toBe(0);
    }
  });
});
