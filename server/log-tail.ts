// The newest entries of a document's log, in memory.
//
// A reader that catches up from the store is always a little behind a busy document: by the time its read
// returns, the head has moved. The tail closes that last gap in one synchronous step.

import type { Lsn } from '../sdk/wire/message.js';

export class LogTail {
  private readonly blocks: Uint8Array[] = [];
  private bytes = 0;

  /** @param head  the LSN before the first entry to come */
  constructor(private head: Lsn, private readonly bytesMax: number) {}

  append(block: Uint8Array): void {
    this.head += 1;
    this.blocks.push(block);
    this.bytes += block.length;
    while (this.bytes > this.bytesMax && this.blocks.length > 0) this.bytes -= this.blocks.shift()!.length;
  }

  /** The entries after `lsn`, or null when the tail does not reach back that far. */
  since(lsn: Lsn): Uint8Array[] | null {
    const start = this.head - this.blocks.length;
    return lsn < start || lsn > this.head ? null : this.blocks.slice(lsn - start);
  }
}
