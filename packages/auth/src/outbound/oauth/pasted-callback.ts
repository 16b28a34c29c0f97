/** Why a pasted text is not the end of the sign-in: for whoever asks the person again. */
export type PasteProblem = 'not-an-address' | 'no-code' | 'other-sign-in' | 'too-long';

const LONGEST = 16_384;

/**
 * Reads what a person copied: the address that the browser came to, its query, or `CODE#STATE` as some providers show it.
 * @returns the whole callback URL
 */
export function readPasted(options: {
  readonly text: string;
  readonly redirectUri: string;
  readonly state: string;
}): { readonly callbackUrl: string } | { readonly problem: PasteProblem } {
  const { redirectUri, state } = options;
  if (options.text.length > LONGEST) return { problem: 'too-long' };
  // Terminals and mail programs break and wrap what is copied.
  const text = options.text.replaceAll(/[\s\p{Cc}]+/gu, '').replace(/^["'<]+(.*?)["'>]+$/, '$1');
  const parameters = parametersOf(text);
  if (parameters === undefined) return { problem: 'not-an-address' };
  if (!parameters.has('code') && !parameters.has('error')) return { problem: 'no-code' };
  const states = parameters.getAll('state');
  if (states.length !== 1 || states[0] !== state) return { problem: 'other-sign-in' };
  const url = new URL(redirectUri);
  url.search = parameters.toString();
  return { callbackUrl: url.href };
}

function parametersOf(text: string): URLSearchParams | undefined {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url !== null) return url.searchParams;
  if (/^\??[\w.~-]+=/.test(text)) return new URLSearchParams(text);
  const pair = /^([^#?&=\s]+)#([^#?&=\s]+)$/.exec(text);
  return pair === null ? undefined : new URLSearchParams({ code: pair[1] ?? '', state: pair[2] ?? '' });
}
