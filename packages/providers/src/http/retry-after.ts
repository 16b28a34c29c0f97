/** A hint beyond this is taken for a mistake. */
const LONGEST_MS = 31 * 24 * 3_600_000;

const NUMBER = /^\d{1,15}(\.\d{1,6})?$/;
/** RFC 9110 5.6.7: the preferred form and the two old ones, and RFC 3339 with Z, which some servers send. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;

/**
 * How long a provider asks us to wait, in ms: `retry-after-ms`, `x-ms-retry-after-ms`, then `retry-after` (seconds or a date;
 * RFC 9110 10.2.3). Negative, past, absurd (over 31 days) or unreadable hints are none.
 */
export function parseRetryAfter(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  now: number,
): number | undefined {
  return (
    readNumber(headers['retry-after-ms'], 1) ??
    readNumber(headers['x-ms-retry-after-ms'], 1) ??
    readNumber(headers['retry-after'], 1_000) ??
    readDate(headers['retry-after'], now)
  );
}

function readNumber(header: string | string[] | undefined, factor: number): number | undefined {
  const text = first(header);
  if (text === undefined || !NUMBER.test(text)) return undefined;
  return plausible(Math.ceil(Number(text) * factor));
}

function readDate(header: string | string[] | undefined, now: number): number | undefined {
  const text = first(header);
  if (text === undefined) return undefined;
  if (ASCTIME.test(text)) return plausible(Date.parse(`${text} GMT`) - now);
  if (HTTP_DATE.test(text) || RFC_3339.test(text)) return plausible(Date.parse(text) - now);
  return undefined;
}

function plausible(milliseconds: number): number | undefined {
  return milliseconds >= 0 && milliseconds <= LONGEST_MS ? milliseconds : undefined;
}

function first(header: string | string[] | undefined): string | undefined {
  return (typeof header === 'string' ? header : header?.[0])?.trim();
}
