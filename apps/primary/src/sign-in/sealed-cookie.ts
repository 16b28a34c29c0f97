import { readCookie, writeCookie } from './cookies.js';

/** Makes text unreadable and unchangeable for whoever has no key of this server. */
export interface CookieSealer {
  seal(plaintext: string, context: string): string;
  /** @throws where it was sealed with another key or for another context, or was changed */
  open(sealed: string, context: string): string;
}

/** What browsers keep of one cookie, name and attributes included (RFC 6265 section 6.1). */
const MAX_VALUE = 3_800;

/** A JSON value that a browser keeps for us. Any process with the same key can open it. */
export class SealedCookie<Value> {
  readonly #name: string;
  readonly #context: string;
  readonly #parse: (value: unknown) => Value | undefined;

  /** @param options.parse the value, or `undefined` where it is none: what was sealed may be of an earlier version */
  constructor(options: {
    readonly name: string;
    readonly context: string;
    readonly parse: (value: unknown) => Value | undefined;
  }) {
    this.#name = options.name;
    this.#context = options.context;
    this.#parse = options.parse;
  }

  /** Whether there is one, real or not. */
  isIn(header: string | undefined): boolean {
    return readCookie(header, this.#name) !== undefined;
  }

  /** @returns `undefined` where there is none that we sealed */
  read(header: string | undefined, sealer: CookieSealer): Value | undefined {
    const sealed = readCookie(header, this.#name);
    if (sealed === undefined || sealed.length > MAX_VALUE) return undefined;
    try {
      return this.#parse(JSON.parse(sealer.open(sealed, this.#context)));
    } catch {
      return undefined;
    }
  }

  /** @returns a Set-Cookie value; `undefined` where it is more than browsers keep */
  write(value: Value, options: { sealer: CookieSealer; maxAgeS: number; secure: boolean }): string | undefined {
    const sealed = options.sealer.seal(JSON.stringify(value), this.#context);
    if (sealed.length > MAX_VALUE) return undefined;
    const { maxAgeS, secure } = options;
    return writeCookie({ name: this.#name, value: sealed, path: '/', maxAgeS, secure });
  }

  /** @returns a Set-Cookie value that removes it */
  clear(): string {
    return writeCookie({ name: this.#name, value: '', path: '/', maxAgeS: 0, secure: false });
  }
}
