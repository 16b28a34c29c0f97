import { describe, expect, it } from '@jest/globals';
import { parseRetryAfter } from './retry-after.js';

const NOW = Date.UTC(2026, 10, 6, 8, 49, 37);

describe('parseRetryAfter', () => {
  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': ' 0 ' }, 0],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': ['3', '9'] }, 3_000],
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'x-ms-retry-after-ms': '1200', 'retry-after': '9' }, 1_200],
    [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9_000],
    [{ 'retry-after': 'Fri, 06 Nov 2026 08:50:07 GMT' }, 30_000],
    [{ 'retry-after': 'Friday, 06-Nov-26 08:50:07 GMT' }, 30_000],
    [{ 'retry-after': 'Fri Nov  6 08:50:07 2026' }, 30_000],
    [{ 'retry-after': '2026-11-06T08:50:07Z' }, 30_000],
    [{}, undefined],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': '1e9' }, undefined],
    [{ 'retry-after': '99999999999' }, undefined],
    [{ 'retry-after': '9'.repeat(400) }, undefined],
    [{ 'retry-after': 'Fri, 06 Nov 2020 08:50:07 GMT' }, undefined],
    [{ 'retry-after': 'Fri, 06 Nov 2199 08:50:07 GMT' }, undefined],
    [{ 'retry-after': 'Fri, 99 Nov 2026 08:50:07 GMT' }, undefined],
    [{ 'retry-after': 'tomorrow' }, undefined],
    [{ 'retry-after': [] }, undefined],
  ])('reads %j as %p ms', (headers: Record<string, string | string[]>, expected) => {
    expect(parseRetryAfter(headers, NOW)).toBe(expected);
  });
});
