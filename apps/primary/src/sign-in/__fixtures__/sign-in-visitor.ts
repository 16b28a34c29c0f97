import { expect } from '@jest/globals';
import { Browser, type BrowserPage } from '../../../test/browser.js';
import { type SignInServer, type SignInServerOptions, startSignInServer } from './sign-in-server.js';

/** A person at the sign-in pages, and the server that shows them. */
export class Visitor {
  readonly server: SignInServer;
  readonly browser = new Browser();

  private constructor(server: SignInServer) {
    this.server = server;
  }

  static async at(options: SignInServerOptions = {}): Promise<Visitor> {
    return new Visitor(await startSignInServer(options));
  }

  /** From the list to the provider’s door. */
  async beginSignIn(browser = this.browser): Promise<BrowserPage> {
    const list = await browser.open(`${this.server.url}/auth`);
    expect(list.html).toContain('href="/auth/login/anthropic"');
    const page = await browser.open(`${this.server.url}/auth/login/anthropic`, { from: list.url });
    return browser.press(page, '/auth/login/anthropic');
  }

  async comeBack(query = '?code=CODE&state=STATE', browser = this.browser): Promise<BrowserPage> {
    return browser.open(`${this.server.url}/auth/callback${query}`, { from: 'https://provider.example/agree' });
  }

  /** A page says so, and nothing was stored. */
  expectProblem(page: BrowserPage, { status, reason }: { status: number; reason: string }): void {
    expect([page.status, this.server.problems.at(-1)?.reason]).toEqual([status, reason]);
    expect(page.text).toContain('What to do');
    expect(page.html).toContain(`<code>${reason}</code>`);
    expect(this.server.stored.size).toBe(0);
  }
}
