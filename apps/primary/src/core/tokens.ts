/** Nest's token for what `buildCore` made. */
export const CORE = Symbol('core');
