import { isIP } from 'node:net';
import { parseRedisUrl } from '@moltbot/redis';
import { z } from 'zod';
import { formatByteSize, parseByteSize } from './byte-size.js';
import { formatDuration, parseDuration } from './duration.js';

/** A length of time in the file (`30s`, `500ms`, seconds as a number); milliseconds in the settings. */
export const duration = (fallback: string, { min = 0, max = 86_400_000 } = {}) => {
  const expected = `expected a length of time like 30s, 500ms or 2m, from ${formatDuration(min)} to ${formatDuration(max)}`;
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const ms = parseDuration(value);
      if (ms === undefined || ms < min || ms > max) {
        context.addIssue({ code: 'custom', message: expected });
        return z.NEVER;
      }
      return ms;
    })
    .meta({ kind: 'duration', expected })
    .prefault(fallback);
};

/** A size in the file (`32mb`, bytes as a number); bytes in the settings. */
export const byteSize = (fallback: string, { min = 1, max = 1_073_741_824 } = {}) => {
  const expected = `expected a size like 512kb or 32mb, from ${formatByteSize(min)} to ${formatByteSize(max)}`;
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const bytes = parseByteSize(value);
      if (bytes === undefined || bytes < min || bytes > max) {
        context.addIssue({ code: 'custom', message: expected });
        return z.NEVER;
      }
      return bytes;
    })
    .meta({ kind: 'size', expected })
    .prefault(fallback);
};

export const port = (fallback: number) => z.int().min(0).max(65_535).default(fallback);

/** `provider:model`, a chain's name, or a bare model name. */
export const modelName = z.string().min(1).max(321);

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' })
  .meta({ kind: 'url', expected: 'expected an http:// or https:// URL' });

/** A forward proxy (may hold a login), or `direct` for none. */
export const proxy = z
  .string()
  .refine((text) => text === 'direct' || isHttpUrl(text), 'expected `direct` or an http:// or https:// URL')
  .meta({ kind: 'url', expected: 'expected `direct` or an http:// or https:// URL' });

const SYSLOG_URL =
  /^(?:(?:udp|tcp|tls):\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[1-9]\d{0,4})?\/?|unix:\/\/\/[^?#]+)$/;
const SYSLOG_EXPECTED = 'expected udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH';

/** Where a syslog server listens. */
export const syslogUrl = z
  .string()
  .refine((text) => SYSLOG_URL.test(text) && URL.canParse(text), SYSLOG_EXPECTED)
  .meta({ kind: 'url', expected: SYSLOG_EXPECTED });

/** `http:` or `https:` */
export function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

/** `private`, an IP address, or a network of them (`10.0.0.0/8`). */
export const proxyAddress = z.string().refine((text) => {
  if (text === 'private') return true;
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}, 'expected `private`, an IP address, or a network such as 10.0.0.0/8');

/** Of a provider: paths are put behind it, so that it can't have a query. */
export const baseUrl = httpUrl
  .refine((url) => !/[?#]/.test(url), 'expected a URL without ? and #; parameters go under `query`')
  .meta({ kind: 'url', expected: 'expected an http:// or https:// URL' });

/** A name for what the user names: chains, providers. */
export const NAME_EXPECTED = 'expected a letter, then letters, digits, _ . or -; at most 64';

/** Header names are tokens (RFC 9110, 5.1). */
export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'expected the name of an HTTP header');

/** What a header may carry (RFC 9110, 5.5): no control character, above all no line break. */
export const headerValue = z
  .string()
  .max(16_384)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'expected text that a header can carry, without line breaks');

type Differences<Shape extends z.core.$ZodShape> = {
  [Key in keyof Shape]: z.ZodOptional<z.ZodType<z.output<Shape[Key]>, z.input<Shape[Key]>>>;
};

/**
 * The same object with every field optional and without its default, for what overrides another setting in part.
 * (`partial()` alone would fill the fields that are not written with the product's defaults, over the user's.)
 */
export function differencesOf<Shape extends z.core.$ZodShape>(
  object: z.ZodObject<Shape>,
): z.ZodObject<Differences<Shape>, z.core.$strict> {
  const fields = Object.entries(object.shape).map(([name, field]) => {
    const bare = withoutDefault(field as z.ZodType);
    const description = (field as z.ZodType).description;
    const optional = bare.optional();
    return [name, description === undefined ? optional : optional.describe(description)] as const;
  });
  return z.strictObject(Object.fromEntries(fields) as unknown as Differences<Shape>);
}

function withoutDefault(field: z.ZodType): z.ZodType {
  if (field instanceof z.ZodDefault || field instanceof z.ZodPrefault) return field.def.innerType as z.ZodType;
  return field;
}

/** A Redis server, its sentinels (`redis+sentinel://`) or a cluster (`redis+cluster://`). */
export function isRedisAddress(url: string): boolean {
  return parseRedisUrl(url) !== undefined;
}
