import { describe, expect, it } from '@jest/globals';
import { parseAuthFile, parseSettings } from '@moltbot/config';
import { judgeDisk } from './checks/disk-space.js';
import { signedSpan, span } from './describe-probe.js';
import { createScrubber } from './scrubber.js';
import { shellQuoted } from './shell-quoted.js';

describe('spans of time', () => {
  it.each([
    [0, '0 s'],
    [450, '0.5 s'],
    [59_949, '59.9 s'],
    [59_990, '1 min'],
    [600_200, '10 min'],
    [3_725_000, '1 h 2 min'],
    [90_000_000, '1 d 1 h'],
    [Number.POSITIVE_INFINITY, '∞'],
  ])('%d ms are %s', (ms, text) => expect(span(ms)).toBe(text));

  it('say their direction', () => {
    expect(signedSpan(-600_000)).toBe('-10 min');
    expect(signedSpan(400)).toBe('+0.4 s');
  });
});

describe('room on a disk', () => {
  it.each([
    [50 * 1_048_576, 'disk-full', '50 MB'],
    [500 * 1_048_576, 'disk-low', '500 MB'],
  ])('of %d bytes is told', (bytes, code, free) => {
    expect(judgeDisk('/x', bytes)).toMatchObject({ code, facts: { free } });
  });

  it('that is enough is no finding', () => expect(judgeDisk('/x', 1_073_741_824)).toMatchObject({ status: 'ok' }));
});

describe('the scrubber', () => {
  const config = {
    ...parseSettings({
      text: [
        'storage: { url: "postgres://ann:CANARY%2Dstorage@db/x" }',
        'providers: { mine: { kind: openai, base_url: "http://x/v1", proxy: "http://u:CANARY-proxy@p:1", headers: { x-token: CANARY-header }, query: { k: CANARY-query } } }',
      ].join('\n'),
      file: 'config.yml',
    }),
    credentials: parseAuthFile({
      text: JSON.stringify({
        openai: { type: 'api_key', key: 'CANARY-key' },
        'openai:b': { type: 'oauth', client_id: 'open', client_secret: 'CANARY-secret', private_key: 'CANARY-pem' },
      }),
      file: 'auth.json',
    }),
    warnings: [],
  };
  const env = { HTTPS_PROXY: 'http://ann:CANARY-system@proxy:3128', MOLTBOT_SECRET_KEY: 'CANARY-sealing-key' };

  it('takes every secret of files and variables out of whatever is told', () => {
    const scrub = createScrubber({ config, env });
    const secrets = [
      'CANARY-storage',
      'CANARY%2Dstorage',
      'CANARY-proxy',
      'CANARY-header',
      'CANARY-query',
      'CANARY-key',
      'CANARY-secret',
      'CANARY-pem',
      'CANARY-system',
      'CANARY-sealing-key',
    ];
    const told = scrub({ a: [`x ${secrets.join(' y ')}`], b: { c: secrets }, count: 3, none: null });
    expect(JSON.stringify(told)).not.toContain('CANARY');
    expect(told).toMatchObject({ count: 3, none: null, b: { c: secrets.map(() => '***') } });
  });

  it('leaves everything else as it is', () => {
    const scrub = createScrubber({ config: undefined, env: { HTTPS_PROXY: 'not a url://' } });
    expect(scrub('http://proxy:3128 ann')).toBe('http://proxy:3128 ann');
  });

  it('takes the name of a login for a secret only where no password is beside it', () => {
    const scrub = createScrubber({
      config: {
        ...parseSettings({
          text: [
            'storage: { url: "postgres://moltbot:CANARY-storage@db/moltbot" }',
            'queue: { url: "redis://moltbot:CANARY-queue@queue" }',
            'providers: { mine: { kind: openai, base_url: "http://x/v1", proxy: "http://CANARY-token@p:1" } }',
          ].join('\n'),
          file: 'config.yml',
        }),
        credentials: [],
        warnings: [],
      },
      env: {},
    });
    expect(scrub('/var/lib/moltbot CANARY-storage CANARY-queue CANARY-token')).toBe('/var/lib/moltbot *** *** ***');
  });
});

describe('words for a shell', () => {
  it.each([
    ['/a/b.json', '/a/b.json'],
    ['/a b', `'/a b'`],
    [`it's`, String.raw`'it'\''s'`],
  ])('%s becomes %s', (text, quoted) => expect(shellQuoted(text)).toBe(quoted));
});
