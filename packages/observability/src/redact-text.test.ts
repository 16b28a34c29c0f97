import { describe, expect, it } from '@jest/globals';
import { redactText } from './redact-text.js';

const MARK = 'CANARY';

describe('a text that holds a secret', () => {
  it.each([
    ['JSON that was cut off', '{"password": "abcCANARY'],
    ['a quote of the other kind in the value', `{"password": "it's-CANARY"}`],
    ['an escaped quote in the value', String.raw`{"password": "a\"CANARY"}`],
    ['an escaped backslash in the value', String.raw`{"api_key": "a\\CANARY"}`],
    ['single quotes', `{'api_key': 'a"CANARY'}`],
    ['JSON within JSON', String.raw`{"body":"{\"token\":\"a\\\"CANARY\\\\CANARY\",\"x\":1}"}`],
    ['JSON within JSON that was cut off', String.raw`{"body":"{\"token\":\"abcCANARY`],
    ['a password of digits alone', '{"password":"7777CANARY"} password=7777CANARY'.replaceAll(MARK, '7777')],
    ['an @ in the password of a URL', 'connecting to postgres://u:p@CANARY@db.test/x'],
    ['a slash in the password of a URL', 'connecting to postgres://u:p/CANARY@db.test/x failed'],
    ['a path with an authorization code', '/callback?state=x&code=CANARYabcdef'],
    ['a signed address', '/b/x?X-Amz-Signature=CANARYabcdef'],
    ['a raw header with a token', 'x-auth-token: CANARYabcdef\r\nx-other: 1'],
    ['a raw header with another token', 'X-Amz-Security-Token: CANARYabcdef'],
    ['a private key', '{"private_key": "CANARYabcdef"}'],
    ['a passphrase', '{"passphrase": "CANARYabcdef"}'],
    ['the short word', 'host=db pwd=CANARYabcdef'],
    ['a quoted value with spaces', `OPENAI_API_KEY="a CANARY" password='my CANARY'`],
    ['a quote inside a bare value', `password=it's,CANARY;CANARY`],
    ['a form of OAuth', 'code_verifier=CANARYab&device_code=CANARYab&client_assertion=CANARYab&x=1'],
    ['a command line', 'node main.js --api-key CANARYabcdef'],
  ])('loses all of it: %s', (_name, text) => {
    const printed = redactText(text);
    expect(printed).toContain('***');
    expect(printed).not.toMatch(/CANARY|7777/);
  });

  it('keeps what stands around it, and the counts', () => {
    expect(redactText('GET /x?a=1&key=abcdefgh&b=2 tokens=100, max_tokens=7')).toBe(
      'GET /x?a=1&key=***&b=2 tokens=100, max_tokens=7',
    );
    expect(redactText('{"token":"abc","user":"ann"}')).toBe('{"token":"***","user":"ann"}');
    expect(redactText(String.raw`{"body":"{\"token\":\"abc\",\"user\":\"ann\"}"}`)).toBe(
      String.raw`{"body":"{\"token\":\"***\",\"user\":\"ann\"}"}`,
    );
    expect(redactText('postgres://ann:pw@db.test:5432/x')).toBe('postgres://ann:***@db.test:5432/x');
  });

  it.each([
    'upstream http://127.0.0.1:8080/v1/chat@home answered 500',
    'see https://example.test/a:b/c and mail ann@example.test',
    'http://[::1]:9090/metrics for ann@example.test',
    'config.yml:3: providers.x.api_key: unknown key; did you mean `auth_header`?',
    'the job ended with exit code=1, signal=none',
    'Use --port or --metrics-port',
  ])('leaves alone what holds none: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('takes linear time on quotes and backslashes without end', () => {
    const began = performance.now();
    for (const piece of ['"password":"\\', String.raw`\"token\":\"\\\\`, 'password="\\"', '--token ', '://a:b/'])
      redactText(piece.repeat(8_192 / piece.length));
    expect(performance.now() - began).toBeLessThan(500);
  });
});
