import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { readProxyEnvironment } from './proxy-environment.js';

describe('readProxyEnvironment', () => {
  it('finds nothing where nothing is set', () => {
    expect(readProxyEnvironment({ HTTP_PROXY: ' ' })).toEqual({
      httpProxy: undefined,
      httpsProxy: undefined,
      noProxy: [],
    });
  });

  it('reads both spellings, the small one first', () => {
    const proxies = readProxyEnvironment({
      HTTP_PROXY: 'http://large:1',
      http_proxy: 'http://small:1',
      HTTPS_PROXY: 'https://large:2',
      NO_PROXY: 'localhost, .example.com 10.0.0.1:80,',
    });
    expect(proxies.httpProxy?.reveal()).toBe('http://small:1/');
    expect(proxies.httpsProxy?.reveal()).toBe('https://large:2/');
    expect(proxies.noProxy).toEqual(['localhost', '.example.com', '10.0.0.1:80']);
  });

  it('takes an address without a scheme as http, as other programs do', () => {
    expect(readProxyEnvironment({ https_proxy: 'proxy:3128' }).httpsProxy?.reveal()).toBe('http://proxy:3128/');
  });

  it('prints stars for a URL that holds a password', () => {
    expect(JSON.stringify(readProxyEnvironment({ http_proxy: 'http://ann:hunter2@proxy:1' }))).not.toContain('hunter2');
  });

  it.each(['http://ann:hunter2@:bad', 'socks5://ann:hunter2@proxy', 'http://ann:hunter2@proxy:99999'])(
    'names the variable and not its value for %p',
    (value) => {
      const read = () => readProxyEnvironment({ HTTPS_PROXY: value });
      expect(read).toThrow(MoltbotError);
      expect(read).toThrow(/^HTTPS_PROXY: expected an http/);
      expect(read).not.toThrow(/hunter2/);
    },
  );
});
