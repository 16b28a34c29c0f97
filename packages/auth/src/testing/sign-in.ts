/** A person with a browser, as far as signing in takes one: follows redirects with cookies, sends forms. */
interface BrowserOptions {
  readonly issuer: string;
  readonly account: string | undefined;
  readonly deny: boolean | undefined;
}

interface Page {
  readonly url: string;
  readonly html: string;
  readonly status: number;
  /** Where it would have gone next, outside the authorization server. */
  readonly left: string | undefined;
}

const MOST_STEPS = 20;

function openBrowser(options: BrowserOptions) {
  const cookies = new Map<string, string>();

  async function open(start: string, form?: URLSearchParams): Promise<Page> {
    let url = start;
    let body: URLSearchParams | undefined = form;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const response = await fetch(url, {
        method: body === undefined ? 'GET' : 'POST',
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
        headers: {
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(options.account === undefined ? {} : { 'x-test-account': options.account }),
          ...(options.deny === true ? { 'x-test-deny': 'yes' } : {}),
        },
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [pair = ''] = cookie.split(';');
        const equals = pair.indexOf('=');
        const value = pair.slice(equals + 1);
        if (value === '') cookies.delete(pair.slice(0, equals));
        else cookies.set(pair.slice(0, equals), value);
      }
      const html = await response.text();
      const location = response.headers.get('location');
      if (location === null) return { url, html, status: response.status, left: undefined };
      const next = new URL(location, url);
      if (next.origin !== new URL(options.issuer).origin) {
        return { url, html, status: response.status, left: next.href };
      }
      url = next.href;
      body = undefined;
    }
    throw new Error(`More than ${MOST_STEPS} redirects from ${start}`);
  }

  return open;
}

/** Opens an authorization URL and signs in. @returns the redirect to the callback, which is not followed */
export async function signIn(options: BrowserOptions & { readonly url: string }): Promise<string> {
  const page = await openBrowser(options)(options.url);
  if (page.left === undefined)
    throw new Error(`The sign-in ended at ${page.url} with ${page.status}: ${text(page.html)}`);
  return page.left;
}

/** Opens the page of a device code, confirms it and signs in. */
export async function confirmDevice(
  options: BrowserOptions & { readonly verificationUriComplete: string },
): Promise<void> {
  const open = openBrowser(options);
  let page = await open(options.verificationUriComplete);
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.html)?.[1];
    if (action === undefined) break;
    const form = new URLSearchParams();
    for (const [input] of page.html.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      if (name !== undefined) form.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? '');
    }
    page = await open(new URL(action, page.url).href, form);
  }
  if (page.status !== 200 && options.deny !== true) {
    throw new Error(`The device page ended with ${page.status}: ${text(page.html)}`);
  }
}

const text = (html: string) =>
  html
    .replaceAll(/<style[\s\S]*?<\/style>|<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 300);
