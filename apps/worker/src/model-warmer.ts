import type { CallerRequest, ChainPlan, FailoverEngine, Model, ModelRouter } from '@moltbot/providers';
import type { ModelWarmer } from './deps.js';
import { PROMPT, promptCall, readPrompt, translatedCall } from './prompt-call.js';

export interface ModelWarmerOptions {
  readonly router: ModelRouter;
  readonly engine: FailoverEngine;
  readonly newRequestId: () => string;
  /** Where relative paths of prompts begin. */
  readonly home: string;
}

/** Warms models up through the same router, breakers and credentials that answer requests. */
export function createModelWarmer({ router, engine, newRequestId, home }: ModelWarmerOptions): ModelWarmer {
  return {
    resolve: (name) => router.plan(name === undefined ? {} : { model: name }).models.map((model) => model.ref),
    warm: async (ref, { signal, withinMs }) => {
      const plan = router.plan({ model: ref });
      const [model] = plan.models;
      if (model === undefined) return;
      await engine.answer({ call: smallestCall(model, newRequestId()), plan: patientPlan(plan, withinMs), signal });
    },
    warmPrompt: async (ref, { prompt, signal, withinMs }) => {
      const plan = router.plan({ model: ref });
      const [model] = plan.models;
      if (model === undefined) return {};
      const file = await readPrompt(prompt, { home, signal });
      const call = promptCall({ model, requestId: newRequestId(), prompt, file });
      const { usage } = await engine.answer({ call, plan: patientPlan(plan, withinMs), signal });
      // What nobody counted is not known to be cached.
      if (usage?.source !== 'provider') return {};
      const { inputTokens, cachedInputTokens, cacheWriteTokens } = usage;
      return {
        inputTokens,
        ...(cachedInputTokens !== undefined && { cachedTokens: cachedInputTokens }),
        ...(cacheWriteTokens !== undefined && { writtenTokens: cacheWriteTokens }),
      };
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

function smallestCall(model: Model, requestId: string): CallerRequest {
  return translatedCall({ model, requestId, messages: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }] });
}
