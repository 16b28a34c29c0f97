import { randomFillSync } from 'node:crypto';

export interface RequestIds {
  /** `req_` and 24 characters of base62 (143 bits). */
  next(): string;
  /** The caller's id where it is fit to be printed and sent on, else a new one. */
  accept(incoming: string | readonly string[] | undefined): string;
}

export interface RequestIdsOptions {
  /** Fills a buffer with random bytes. Default: the system's. */
  readonly fillRandom?: ((buffer: Buffer) => void) | undefined;
}

const PREFIX = 'req_';
const LENGTH = 24;
const SIZE = PREFIX.length + LENGTH;
/** Ids made at once: one call of the random source costs as much as 20 ids. */
const BATCH = 256;
const ALPHABET = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
/** Bytes from here on are thrown away, or the first characters would come up more often. */
const FAIR = 256 - (256 % ALPHABET.length);

/** Letters, digits and `_ . : / + = @ ~ -`: nothing that ends a header, a log field or a quoted text. */
const ACCEPTED = /^[A-Za-z0-9_.:/+=@~-]{1,128}$/;

/** Ids that are unique without asking anybody; about 0.3 µs each. */
export function createRequestIds(options: RequestIdsOptions = {}): RequestIds {
  const fillRandom = options.fillRandom ?? ((buffer) => void randomFillSync(buffer));
  const random = Buffer.alloc(BATCH * LENGTH + BATCH);
  const batch = Buffer.alloc(BATCH * SIZE);
  for (let start = 0; start < batch.length; start += SIZE) batch.write(PREFIX, start, 'latin1');
  let offset = batch.length;
  let used = random.length;

  const refill = (): void => {
    for (let start = 0; start < batch.length; start += SIZE) {
      for (let index = start + PREFIX.length; index < start + SIZE; ) {
        if (used === random.length) {
          fillRandom(random);
          used = 0;
        }
        const byte = random[used] ?? FAIR;
        used += 1;
        if (byte >= FAIR) continue;
        batch[index] = ALPHABET[byte % ALPHABET.length] ?? 0;
        index += 1;
      }
    }
    offset = 0;
  };

  const next = (): string => {
    if (offset === batch.length) refill();
    const id = batch.toString('latin1', offset, offset + SIZE);
    offset += SIZE;
    return id;
  };

  return {
    next,
    accept: (incoming) => (typeof incoming === 'string' && ACCEPTED.test(incoming) ? incoming : next()),
  };
}
