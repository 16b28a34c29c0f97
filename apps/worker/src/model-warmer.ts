import type { ChatRequest } from '@moltbot/contracts';
import type { CallerRequest, ChainPlan, FailoverEngine, Model, ModelRouter } from '@moltbot/providers';
import type { ModelWarmer } from './deps.js';

export interface ModelWarmerOptions {
  readonly router: ModelRouter;
  readonly engine: FailoverEngine;
  readonly newRequestId: () => string;
}

const PROMPT = 'Reply with OK.';
/** The least that every API takes (OpenAI's responses refuse fewer than 16). */
const MAX_TOKENS = 16;

/** Warms models up through the same router, breakers and credentials that answer requests. */
export function createModelWarmer({ router, engine, newRequestId }: ModelWarmerOptions): ModelWarmer {
  return {
    resolve: (name) => router.plan(name === undefined ? {} : { model: name }).models.map((model) => model.ref),
    warm: async (ref, { signal, withinMs }) => {
      const plan = router.plan({ model: ref });
      const [model] = plan.models;
      if (model === undefined) return;
      await engine.answer({ call: smallestCall(model, newRequestId()), plan: patientPlan(plan, withinMs), signal });
    },
  };
}

/** Loading is what is waited for: the limits of an ordinary answer would end it too soon. */
function patientPlan(plan: ChainPlan, withinMs: number): ChainPlan {
  const { connect } = plan.timeouts;
  return {
    ...plan,
    timeouts: {
      ...plan.timeouts,
      connect: Math.min(connect, withinMs),
      headers: withinMs,
      answer: withinMs,
      first_content: withinMs,
      gap: withinMs,
      total: withinMs,
    },
  };
}

/**
 * In a dialect that is not the model's own, so that it is said in the provider's way: what limits the length of an answer
 * has another name with each.
 */
function smallestCall(model: Model, requestId: string): CallerRequest {
  const messages = [{ role: 'user', content: PROMPT }];
  const value = { model: model.ref, max_tokens: MAX_TOKENS, messages };
  const bytes = Buffer.from(JSON.stringify(value));
  const request: ChatRequest = {
    messages: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }],
    maxOutputTokens: MAX_TOKENS,
    unknownFields: [],
  };
  return {
    requestId,
    dialect: model.dialect === 'anthropic-messages' ? 'openai-chat' : 'anthropic-messages',
    bytes,
    value,
    model: undefined,
    models: undefined,
    streamOptions: undefined,
    stream: false,
    wantsStreamUsage: true,
    estimatedInputTokens: Math.ceil(bytes.length / 4),
    request: () => request,
  };
}
