import { MoltbotError } from '@moltbot/contracts';

/** @throws MoltbotError `model_file_too_large` */
export function assertSize(name: string, size: number, maxBytes: number): void {
  if (size <= maxBytes) return;
  throw new MoltbotError('model_file_too_large', `The model file ${name} has ${size} bytes; ${maxBytes} are allowed.`);
}
