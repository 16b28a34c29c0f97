import { askAbout } from '../auth/ask-about.js';
import { storedCredential } from '../auth/cli-credentials.js';
import { interruptible } from '../auth/interruptible.js';
import { checkText } from '../auth/show-report.js';
import { withCredentials } from '../auth/with-credentials.js';
import type { Command } from '../context.js';

/** Calls the provider with each credential, one after the other. */
export const authTest: Command = async ({ args, context }) => {
  const { output, messages } = context;
  const names = args.filter((name) => name !== undefined);
  return interruptible(async ({ signal }) =>
    withCredentials(context, async (credentials) => {
      const { config } = credentials;
      const list =
        names.length === 0 ? config.credentials : names.map((name) => storedCredential(context, config, name));
      if (list.length === 0) output.line(messages.authNothingToTest);
      const tested = [];
      for (const stored of list) {
        output.note(output.errorStyle('dim', messages.authTesting(stored.id)));
        const answer = await askAbout({ context, credentials, stored, signal, introspect: false });
        const ok = answer.by === 'models' && ['accepted', 'forbidden'].includes(answer.check.outcome);
        const code = answer.by === 'none' ? answer.code : null;
        const text =
          answer.by === 'models' ? checkText(answer.check, messages) : answer.by === 'none' ? answer.why : '';
        output.line(`${ok ? output.style('green', '✓') : output.style('red', '✗')} ${stored.id}  ${text}`);
        tested.push({ id: stored.id, ok, code, message: text, test: answer.by === 'models' ? answer.check : null });
      }
      output.result({ credentials: tested });
      return tested.every(({ ok }) => ok) ? 'ok' : 'failed';
    }),
  );
};
