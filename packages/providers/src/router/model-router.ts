import type { ChainPlan, Model } from '../target.js';

/** What a caller asks for: a chain, a model, an ordered list of models, or nothing (the default chain). */
export interface Selection {
  readonly model?: string | undefined;
  readonly models?: readonly string[] | undefined;
}

export interface ModelRouter {
  /**
   * The ordered models for a request.
   * @throws MoltbotError `model_not_found` (nearest names in the message), `model_ambiguous` (candidates in the message)
   */
  plan(selection: Selection): ChainPlan;
  /** `default` and the configured chains with their models in order; without any where its names mean none at present. */
  chains(): readonly { readonly name: string; readonly models: readonly Model[] }[];
  /** Chains first, then models, as `GET /v1/models` shows them. */
  list(): readonly ListedModel[];
}

export interface ListedModel {
  /** `default`, a chain's name, or `provider:model`. */
  readonly id: string;
  readonly kind: 'chain' | 'model';
  readonly provider: string | undefined;
  /** `provider:model` of a chain's members in order. */
  readonly members: readonly string[];
  readonly model: Model | undefined;
  /** Whether a usable credential is there, or none is needed. */
  readonly ready: boolean;
}
