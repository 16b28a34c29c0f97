import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SlotList, type Slotted } from './slot-list.js';

describe('a list of slots', () => {
  it('holds what a set would, whoever joins and leaves, also twice', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(6)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (taken) => {
        const members: readonly Slotted[] = Array.from({ length: 7 }, () => ({}));
        const list = new SlotList<Slotted>();
        const set = new Set<Slotted>();
        for (const [joins, index] of taken) {
          const member = members[index] ?? {};
          list[joins ? 'add' : 'delete'](member);
          set[joins ? 'add' : 'delete'](member);
          expect(list.size).toBe(set.size);
          expect(list.all().every((each) => set.has(each))).toBe(true);
        }
      }),
    );
  });

  it('lets members leave while it is gone through', () => {
    const list = new SlotList<Slotted>();
    for (let count = 0; count < 5; count += 1) list.add({});
    for (const member of list.all()) list.delete(member);
    expect(list.size).toBe(0);
  });
});
