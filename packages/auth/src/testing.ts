export { OAuthError } from './outbound/oauth-error.js';
