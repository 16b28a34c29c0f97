import type { ErrorCode } from '@moltbot/contracts';
import type { CallerRequest } from '../caller-request.js';
import type { Model } from '../target.js';
import { estimatedTokens } from './price.js';

/** Why a model can't take a call at all. Nothing is sent. */
export interface Unfitness {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string | undefined;
}

/** Estimates are wrong by a quarter either way; only what is clearly too long is not sent. The provider's refusal is believed. */
const ESTIMATE_MARGIN = 1.25;

/** What a request needs of a model. Looked into only where a model has a limit that it might touch. */
export class Needs {
  /** Set once a provider refused the length: only a larger window may be asked. */
  moreThanWindow = 0;
  readonly #call: CallerRequest;
  #facts: { readonly textTokens: number; readonly images: boolean; readonly tools: boolean } | undefined;

  constructor(call: CallerRequest) {
    this.#call = call;
  }

  /** @throws MoltbotError `invalid_request` where the request had to be read and is wrong */
  unfitnessOf(model: Model): Unfitness | undefined {
    const { contextWindow, images, tools } = model.capabilities;
    const native = this.#call.dialect === model.dialect ? undefined : this.#call.nativeOnly?.();
    if (native !== undefined) return { code: 'invalid_request', ...native };
    if (contextWindow !== undefined && !this.#fits(contextWindow)) {
      return { code: 'context_length_exceeded', message: `The conversation does not fit the context of ${model.ref}` };
    }
    if (!images && this.#mayHaveImages() && this.#read().images) {
      return { code: 'invalid_request', message: `${model.ref} takes no images` };
    }
    if (!tools && this.#mayHaveTools() && this.#read().tools) {
      return { code: 'invalid_request', message: `${model.ref} takes no tools` };
    }
    return undefined;
  }

  /** A provider refused the length; every further model must have more room than this one, as far as is known. */
  refusedLength(model: Model): void {
    const { contextWindow } = model.capabilities;
    if (contextWindow !== undefined && contextWindow > this.moreThanWindow) this.moreThanWindow = contextWindow;
  }

  #fits(contextWindow: number): boolean {
    if (contextWindow <= this.moreThanWindow) return false;
    const limit = contextWindow * ESTIMATE_MARGIN;
    // The bytes hold images too: look closer before saying no.
    return this.#call.estimatedInputTokens <= limit || this.#read().textTokens <= limit;
  }

  /** Part types of images hold that word in every dialect, or escapes of its letters. */
  #mayHaveImages(): boolean {
    const { scanned } = this.#call;
    if (this.#facts !== undefined || scanned === undefined) return true;
    return scanned.body.includes('image') || scanned.body.includes('\\u00');
  }

  #mayHaveTools(): boolean {
    return this.#facts !== undefined || this.#call.scanned?.has('tools') !== false;
  }

  #read(): { readonly textTokens: number; readonly images: boolean; readonly tools: boolean } {
    if (this.#facts !== undefined) return this.#facts;
    // What is kept at the provider has no words here: whether it fits is for the provider to say.
    if (this.#call.nativeOnly?.() !== undefined) return (this.#facts = { textTokens: 0, images: false, tools: false });
    const request = this.#call.request();
    let characters = 0;
    let images = false;
    for (const message of request.messages) {
      for (const part of message.content) {
        if (part.type === 'image') images = true;
        else if (part.type === 'tool-call') characters += part.arguments.length;
        else characters += part.text.length;
      }
    }
    const tools = (request.tools?.length ?? 0) > 0;
    this.#facts = { textTokens: estimatedTokens(characters), images, tools };
    return this.#facts;
  }
}
