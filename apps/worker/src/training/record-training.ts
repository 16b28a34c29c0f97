import type { Usage } from '@moltbot/contracts';
import type { ProviderTraining } from '@moltbot/providers';
import type { FineTuningStatus } from '@moltbot/storage';
import type { TrainingTurn } from './training-run.js';

/** Rows of the ledger for a training, once however often it is told: the provider's count of trained tokens, and their price. */
export async function recordTraining(
  turn: TrainingTurn,
  { trainedTokens }: ProviderTraining,
  status: FineTuningStatus,
): Promise<void> {
  if (trainedTokens === undefined || trainedTokens === 0) return;
  const { record, storage, deps } = turn;
  const { id, owner, provider, model, credential = 'none', createdAt } = record();
  const price = deps.training.price(model);
  const usage: Usage = { inputTokens: trainedTokens, outputTokens: 0, source: 'provider' };
  const told = {
    requestId: id,
    startedAt: createdAt,
    durationMs: turn.now() - createdAt,
    usage,
    costMicros: price === undefined ? undefined : Math.ceil(trainedTokens * price),
  };
  const done = status === 'succeeded' ? 'ok' : status;
  storage.usage.recordAttempt({
    ...told,
    index: 0,
    provider,
    model: model.slice(provider.length + 1),
    credential,
    outcome: done,
    role: 'answer',
  });
  storage.usage.recordRequest({
    ...told,
    operation: 'fine-tuning',
    dialect: 'openai-chat',
    chain: 'explicit',
    apiKeyId: owner,
    stream: false,
    outcome: status === 'succeeded' ? 'complete' : status,
    servedBy: model,
    attempts: 1,
  });
  await storage.usage.flush();
}
