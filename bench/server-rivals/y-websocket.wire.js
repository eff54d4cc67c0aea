// The protocol of y-websocket: message kind, then of a sync message its step. 0 sync: 0 step 1, 1 step 2, 2 update.

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { blob, createAuthor, emptyVector, readUpdate, textOf } from './yjs.wire.js';

/** @type {import('../server/wire.js').Wire} */
export default {
  protocol: '',
  keeps: true,
  path: (room) => `/${room}`,
  speaker: (room, author, events) => new Speaker(room, author, events),
  textOf,
};

class Speaker {
  kept = null;
  #update;

  constructor(room, author, events) {
    this.room = room;
    this.author = author;
    this.events = events;
    this.document = createAuthor(author, (update) => { this.#update = update; });
  }

  open() {
    this.events.send(message(0, emptyVector()));
  }

  edit(bytes) {
    if (bytes > 0) this.document.set(blob(bytes));
    else this.document.type();
    return message(2, this.#update);
  }

  hear(frame) {
    const decoder = decoding.createDecoder(frame);
    if (decoding.readVarUint(decoder) !== 0) return;
    const step = decoding.readVarUint(decoder);
    const bytes = decoding.readVarUint8Array(decoder);
    if (step === 0) return;
    this.kept?.push(bytes.slice());
    if (step === 1) return this.events.ready();
    readUpdate(this.room, bytes, (author, from, to) => {
      this.events.delivered(author, from, to);
      if (author === this.author) this.events.acked(to);
    });
  }
}

function message(step, bytes) {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 0);
  encoding.writeVarUint(encoder, step);
  encoding.writeVarUint8Array(encoder, bytes);
  return encoding.toUint8Array(encoder);
}
