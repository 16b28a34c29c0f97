import { type Check, finding } from '../check.js';

/** As `engines` of the root's package.json says. */
const NEEDED = '22.22.0';

export const nodeVersion: Check = {
  id: 'node.version',
  async run({ nodeVersion: found }) {
    const evidence = [{ label: 'version' as const, value: found }];
    if (compare(found, NEEDED) >= 0) return [{ status: 'ok', evidence }];
    return [finding({ status: 'error', code: 'node-too-old', facts: { found, needed: NEEDED }, evidence })];
  },
};

function compare(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.split('.').map(Number));
  const difference = [0, 1, 2].map((index) => (a?.[index] ?? 0) - (b?.[index] ?? 0)).find((value) => value !== 0);
  return difference ?? 0;
}
