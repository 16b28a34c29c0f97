export type { ModelObject, ModelObjects } from './files/file-cache.js';
export { LOAD_STATE_LEVELS, localModelEventLine } from './local-model-event-line.js';
export type { LoadState, LocalModelEvent, UnloadReason } from './model-state.js';
export { type LoadOutcome, type LocalModels, type LocalModelsOptions, openLocalModels } from './open-local-models.js';
