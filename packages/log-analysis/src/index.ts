export { TemplateMiner } from './miner/template-miner.js';
export { renderTemplate, resolveTemplate } from './miner/template.js';
export { MessageScanner } from './scanner/message-scanner.js';
