import { z } from 'zod';

const secretText = z.string().min(1, 'expected a value').max(16_384, 'expected at most 16384 characters');

const secretOrReference = (what: string) =>
  secretText.describe(`${what}; or where it is: \`env:NAME\`, \`file:PATH\`, \`exec:COMMAND\`.`);

/** One entry of auth.json, the owner's shape. */
export const credentialSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('api_key'),
    key: secretOrReference('The key itself'),
  }),
  z.strictObject({
    type: z.literal('oauth'),
    client_id: z.string().min(1, 'expected a value').max(1_024).describe('The client registered at the provider.'),
    scopes: z.array(z.string().min(1).max(256)).max(64).default([]).describe('What it may do, as `model:read`.'),
    grant: z
      .enum(['authorization_code', 'device_code', 'client_credentials'])
      .optional()
      .describe(
        'How it is signed in to: in a browser (the default), with a code on another device, or by the client itself.',
      ),
    client_secret: secretOrReference('Confidential clients only').optional(),
    private_key: secretOrReference('PEM (PKCS #8) for `private_key_jwt`').optional(),
    private_key_id: z.string().min(1).max(256).optional().describe('`kid` of that key at the provider.'),
    account: z
      .string()
      .min(1)
      .max(320)
      .optional()
      .describe('Who must have signed in (`sub` or `email`); another account is refused.'),
  }),
]);

/** `provider`, or `provider:account` where a provider has several credentials. */
const credentialId = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_.@+-]{1,128})?$/,
    'expected `provider` or `provider:account` (letters, digits, _ . - and, in an account, @ +)',
  );

/** auth.json: `provider` or `provider:account` → credential. The order is the order of use. */
export const authFileSchema = z.record(credentialId, credentialSchema);
export type CredentialEntry = z.output<typeof credentialSchema>;
