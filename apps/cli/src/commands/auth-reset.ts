import { createServerClient, toCommandError } from '../client/server-client.js';
import type { Command } from '../context.js';
import { CommandError } from '../exit-codes.js';

const ANSWER_WITHIN_MS = 10_000;
const MAX_ANSWER = 65_536;

/** Has the running server forget what it holds against a credential. */
export const authReset: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const [name = ''] = args;
  const client = await createServerClient(context, options);
  const path = `/v1/admin/credentials/${encodeURIComponent(name)}/reset`;
  const answer = await client.send(path, { body: {}, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch((error) => {
    if (error instanceof CommandError && options['url'] === undefined) {
      throw new CommandError('unreachable', messages.authResetNeedsServer, { cause: error });
    }
    throw error instanceof CommandError
      ? error
      : new CommandError('unreachable', messages.notOurs(client.url), { cause: error });
  });
  if (answer.status !== 200) throw await toCommandError(answer, context);
  const { cleared } = JSON.parse(await answer.text(MAX_ANSWER)) as { readonly cleared?: number };
  output.result({ id: name, cleared: cleared ?? 0 });
  output.line(messages.authReset(name, cleared ?? 0));
  return 'ok';
};
