/** A JSON object as it came, not looked into. */
export type JsonObject = { readonly [key: string]: unknown };
