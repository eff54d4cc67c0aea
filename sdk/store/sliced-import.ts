// Importing much without holding up the page: some blocks, then a pause in which it paints and answers, then more.
//
// A slice is an import like any other, with its own transaction, so nothing is half done in a pause: the document may be
// read, edited and synced there. A block is not cut: a batch is at most 64 KiB as we seal them, a snapshot is one block.
// A function beside the document, so that an app that never calls it does not carry it.

import { wholeBlocks } from '../core/codec.js';
import { checkBytes, type Document } from './document.js';

export interface SlicedImportOptions {
  /** Called after each slice, and at the end with `done` equal to `total`. In bytes. */
  onProgress?(progress: { done: number; total: number }): void;
  /** How long a slice may take before a pause is made; 5 unless given, since a frame of 16 has other work in it. */
  sliceMs?: number;
  signal?: AbortSignal;
}

/** Applied in one go, between two looks at the clock: a millisecond or less, even of single keystrokes. */
const stepBytes = 16 * 1024;

/**
 * `document.import` with pauses: the page paints and answers meanwhile, and the document may be read and edited. What was
 * taken in stands if it is aborted, if the document is closed, or if a block is bad.
 *
 * @throws HeadwaterError as `import` does, and `closed`; the signal's reason when it is aborted
 */
export async function importSliced(document: Document<any>, given: Uint8Array, { onProgress, sliceMs = 5, signal }: SlicedImportOptions = {}): Promise<void> {
  checkBytes(given);
  const bytes = given.slice();
  const total = bytes.length;
  for (let done = 0; ;) {
    const startedMs = performance.now();
    do {
      signal?.throwIfAborted();
      const rest = bytes.subarray(done);
      const step = rest.subarray(0, wholeBlocks(rest, stepBytes));
      document.import(step);
      done += step.length;
    } while (done < total && performance.now() - startedMs < sliceMs);
    onProgress?.({ done, total });
    if (done === total) return;
    await pause();
  }
}

/** Input and painting come first. A timer would be slowed down in a hidden tab, so it is the last resort. */
function pause(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } };
  if (scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => {
    if (typeof MessageChannel === 'undefined') return setTimeout(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
