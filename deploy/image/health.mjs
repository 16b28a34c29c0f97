// The container's health check: 0 where this process takes work (`/ready` of the operators' port), else 1.
import { get } from 'node:http';

const port = process.env.MOLTBOT_SERVER_METRICS_PORT || '9090';
get({ host: '127.0.0.1', port, path: '/ready', timeout: 3_000 }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
})
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
