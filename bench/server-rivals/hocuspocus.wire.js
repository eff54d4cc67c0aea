// The protocol of Hocuspocus 4: document name, message kind, then the kind's own. 0 sync, 2 auth, 4 sync reply, 8 status.

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { blob, createAuthor, emptyVector, readUpdate, textOf } from './yjs.wire.js';

/** @type {import('../server/wire.js').Wire} */
export default {
  protocol: '',
  keeps: true,
  path: () => '/',
  speaker: (room, author, events) => new Speaker(room, author, events),
  textOf,
};

class Speaker {
  kept = null;
  #update;
  #acked = 0;
  #isReady = false;

  constructor(room, author, events) {
    this.room = room;
    this.author = author;
    this.events = events;
    this.document = createAuthor(author, (update) => { this.#update = update; });
  }

  open() {
    this.events.send(this.#message(2, (encoder) => {
      encoding.writeVarUint(encoder, 0);
      encoding.writeVarString(encoder, '');
    }));
  }

  edit(bytes) {
    if (bytes > 0) this.document.set(blob(bytes));
    else this.document.type();
    return this.#sync(2, this.#update);
  }

  hear(frame) {
    const decoder = decoding.createDecoder(frame);
    decoding.readVarString(decoder);
    const kind = decoding.readVarUint(decoder);
    if (kind === 2) return this.events.send(this.#sync(0, emptyVector()));
    // Statuses come one per update, in order.
    if (kind === 8) return this.#isReady && this.events.acked(this.#acked += 1);
    if (kind !== 0 && kind !== 4) return;
    const step = decoding.readVarUint(decoder);
    const bytes = decoding.readVarUint8Array(decoder);
    if (step === 0) return;
    this.kept?.push(bytes.slice());
    if (step === 2) return readUpdate(this.room, bytes, this.events.delivered);
    this.#isReady = true;
    this.events.ready();
  }

  #sync(step, bytes) {
    return this.#message(0, (encoder) => {
      encoding.writeVarUint(encoder, step);
      encoding.writeVarUint8Array(encoder, bytes);
    });
  }

  #message(kind, write) {
    const encoder = encoding.createEncoder();
    encoding.writeVarString(encoder, this.room);
    encoding.writeVarUint(encoder, kind);
    write(encoder);
    return encoding.toUint8Array(encoder);
  }
}
