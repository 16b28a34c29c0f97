import { describe, expect, it } from '@jest/globals';
import { html } from './html.js';

describe('markup of pages', () => {
  it('escapes every value, in texts and in attributes', () => {
    const foreign = `<script>alert("1")</script>'&`;
    expect(html`<p title="${foreign}">${foreign}</p>`.toString()).toBe(
      '<p title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;">&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;</p>',
    );
  });

  it('takes markup of its own, lists of it, numbers and nothing', () => {
    const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`);
    expect(html`<ul>${items}</ul>${undefined}${3}`.toString()).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>3');
  });

  it('keeps what only looks like a replacement pattern', () => {
    expect(html`<p>${'$& $1 $`'}</p>`.toString()).toBe('<p>$&amp; $1 $`</p>');
  });
});
