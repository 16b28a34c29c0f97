export {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
  type TokenRequest,
} from './testing/authorization-server.js';
export type { TestClient, TestClients } from './testing/test-clients.js';
export { HTML_OF_A_PROXY, type TokenFault } from './testing/token-fault.js';
