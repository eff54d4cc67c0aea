// The Yjs side of the load: an author's document makes its edits; of what comes only is read whose it is.

import * as Y from 'yjs';

/** As long on the wire as the ids Yjs gives itself. */
const base = 0x80000000;

export function createAuthor(author, onUpdate) {
  const doc = new Y.Doc();
  doc.clientID = base + author;
  doc.on('update', onUpdate);
  const [text, map] = [doc.getText('text'), doc.getMap('map')];
  return {
    doc,
    type: () => text.insert(text.length, 'x'),
    set: (blob) => map.set('blob', blob),
  };
}

const lastOf = new Map();

/**
 * Tells `delivered(author, from, to)` of every run of edits in an update: one edit is one tick of its author's clock.
 * All readers of a room are sent the same bytes; they are looked into once.
 */
export function readUpdate(room, update, delivered) {
  let last = lastOf.get(room);
  if (last === undefined || Buffer.compare(last.update, update) !== 0) lastOf.set(room, (last = { update: update.slice(), edits: editsIn(update) }));
  for (const [author, from, to] of last.edits) delivered(author, from, to);
}

function editsIn(update) {
  return Y.decodeUpdate(update).structs.map(({ id: { client, clock }, length }) => [client - base, clock + 1, clock + length]);
}

export function textOf(updates) {
  const doc = new Y.Doc();
  Y.transact(doc, () => { for (const update of updates) Y.applyUpdate(doc, update); });
  return JSON.stringify([doc.getText('text').toString(), doc.getMap('map').toJSON()]);
}

/** Everything a fresh document lacks, from another's sync step 2. */
export function emptyVector() {
  return Y.encodeStateVector(new Y.Doc());
}

let turn = 0;

/** Another text each time, so that no layer can know it already. */
export function blob(bytes) {
  turn += 1;
  return String(turn).padStart(8, '0').repeat(Math.ceil(bytes / 8)).slice(0, bytes);
}
