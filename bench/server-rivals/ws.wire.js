// Frames for the bare relay: author u16 │ edit u32 │ what was written, as long as a Yjs update of the same.

/** @type {import('../server/wire.js').Wire} */
export default {
  protocol: '',
  keeps: false,
  path: (room) => `/${room}`,
  speaker: (room, author, events) => new Speaker(author, events),
  textOf: (frames) => JSON.stringify([...frames].sort()),
};

class Speaker {
  kept = null;
  #edits = 0;

  constructor(author, events) {
    this.author = author;
    this.events = events;
  }

  open() {
    this.events.ready();
  }

  edit(bytes) {
    const frame = Buffer.alloc(bytes > 0 ? bytes : 24);
    frame.writeUInt16BE(this.author, 0);
    frame.writeUInt32BE(this.#edits += 1, 2);
    return frame;
  }

  hear(bytes) {
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const [author, edit] = [frame.readUInt16BE(0), frame.readUInt32BE(2)];
    this.kept?.push(frame.slice(0, 24).toString('latin1'));
    this.events.delivered(author, edit, edit);
    // Nothing is promised here; that it has gone round is the most there is to know.
    if (author === this.author) this.events.acked(edit);
  }
}
