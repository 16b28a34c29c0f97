/** One cookie of a request's Cookie header (RFC 6265 section 5.4); of several with the same name the first. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/** A Set-Cookie value that scripts can't read and other sites' forms don't send; `maxAgeS` 0 removes it. */
export function writeCookie(cookie: {
  readonly name: string;
  /** Without spaces, quotes, commas, semicolons and backslashes. */
  readonly value: string;
  readonly path: string;
  readonly maxAgeS: number;
  readonly secure: boolean;
}): string {
  const { name, value, path, maxAgeS, secure } = cookie;
  const attributes = [`Path=${path}`, `Max-Age=${maxAgeS}`, 'HttpOnly', 'SameSite=Lax', ...(secure ? ['Secure'] : [])];
  return [`${name}=${value}`, ...attributes].join('; ');
}
