import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { generateApiKey } from './api-key.js';
import { type ApiKeyRow, createApiKeyVerifier } from './api-key-verifier.js';

const ROUNDS = 3_000;
const RIGHT_CHARACTERS = 40;

/**
 * What the time of a refusal may tell. A presented key is only ever hashed as a whole, and its hash looked up and compared in
 * constant time: nothing ends early at the first wrong character. The checksum is public arithmetic and no secret.
 */
describe('the time that a refusal takes', () => {
  it('is the same for a key that is right in all but its end as for one that is wrong from the start', async () => {
    const real = generateApiKey({ random: () => new Uint8Array(32).fill(7) });
    const row: ApiKeyRow = { id: 'key_1', name: 'real', hash: real.hash, scopes: ['chat'] };
    const verifier = createApiKeyVerifier({
      lookup: (hash) => Promise.resolve(hash === real.hash ? row : undefined),
      negativeTtlMs: 0,
    });
    await verifier.verify(real.key.reveal());
    // Low bits make the last characters, so the first ones stay right.
    const near = wrongKeys((at) =>
      new Uint8Array(32)
        .fill(7)
        .fill((at >> 8) & 255, 30, 31)
        .fill(at & 255, 31),
    );
    expect(near[1]?.slice(0, RIGHT_CHARACTERS)).toBe(real.key.reveal().slice(0, RIGHT_CHARACTERS));
    const far = wrongKeys((at) =>
      new Uint8Array(32)
        .fill((at * 31) & 255)
        .fill((at >> 8) & 255, 1, 2)
        .fill(at & 255, 2, 3),
    );
    // Noise of a busy machine passes; a difference that an attacker could use stays.
    const differences: number[] = [];
    for (let tries = 0; tries < 4; tries += 1) {
      const times = await measure((presented) => verifier.verify(presented), { near, far });
      const difference =
        Math.abs(median(times.near) - median(times.far)) / Math.min(median(times.near), median(times.far));
      differences.push(difference);
      if (difference < 0.1) return;
    }
    expect(Math.min(...differences)).toBeLessThan(0.1);
  });
});

function wrongKeys(bytesAt: (at: number) => Uint8Array): readonly string[] {
  return Array.from({ length: ROUNDS }, (_, at) => generateApiKey({ random: () => bytesAt(at + 1) }).key.reveal());
}

/** Alternating, so that whatever slows the machine slows both. */
async function measure<Kind extends string>(
  verify: (presented: string) => unknown,
  kinds: Readonly<Record<Kind, readonly string[]>>,
): Promise<Record<Kind, number[]>> {
  const names = Object.keys(kinds) as Kind[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Kind, number[]>;
  for (let at = 0; at < ROUNDS; at += 1) {
    for (const name of at % 2 === 0 ? names : names.toReversed()) {
      const startedAt = performance.now();
      try {
        await verify(kinds[name][at] ?? '');
      } catch (error) {
        if (!(error instanceof MoltbotError) || error.code !== 'invalid_api_key') throw error;
      }
      times[name].push(performance.now() - startedAt);
    }
  }
  return times;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
