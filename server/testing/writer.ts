// A replica for tests: writes into its own engine document and hands out the batches.

import { joinBytes } from '../../sdk/core/bytes.js';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { newReplicaId } from '../../sdk/core/replica.js';

export class Writer {
  readonly document: EngineDocument;

  constructor(readonly replica = newReplicaId()) {
    this.document = new EngineDocument(replica);
  }

  /** One batch that sets a key. */
  set(key: string, value: unknown, nowMs = Date.now()): Uint8Array {
    this.document.mapSet(rootContainer, key, value, nowMs);
    return this.document.take()!;
  }

  /** One batch that types at the end of a text. */
  type(text: string): Uint8Array {
    const container = this.document.container(['text'], Kind.Text);
    this.document.textInsert(container, this.document.textLength(container), text);
    return this.document.take()!;
  }

  seq(): number {
    return this.document.seqOf(this.replica);
  }
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return joinBytes(parts);
}
