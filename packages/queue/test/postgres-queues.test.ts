import { startPostgresServer } from './postgres-server.js';
import { describeQueues } from './queue-conformance.js';

describeQueues('PostgreSQL', startPostgresServer);
