import { setFlagsFromString } from 'node:v8';

/**
 * V8 starts a full collection whenever 64 MB of buffers have come since the last one, although most of them are gone by the next
 * scavenge: 64 KB prompts then cost three times as much. With this flag buffers count together with the heap.
 */
export function tuneGarbageCollection(v8Version: string = process.versions.v8): void {
  // Node 24's. An unknown flag would be complained of on stderr.
  if (v8Version.startsWith('13.')) setFlagsFromString('--external-memory-accounted-in-global-limit');
}
