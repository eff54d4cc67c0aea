// The Yjs side of the load: an author's document makes its edits; what comes is read only as far as to know whose it is.

import * as decoding from 'lib0/decoding';
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

/** Tells `delivered(author, from, to)` of every run of edits in an update: one edit is one tick of its author's clock. */
export function readUpdate(update, delivered) {
  const decoder = decoding.createDecoder(update);
  // One author with one struct is what an unmerged edit looks like, and it is told by its first four numbers.
  const [authors, structs, client, clock] = [1, 2, 3, 4].map(() => decoding.readVarUint(decoder));
  if (authors === 1 && structs === 1 && update.length < 64) {
    const { structs: [{ length }] } = length1(update) ? { structs: [{ length: 1 }] } : Y.decodeUpdate(update);
    return delivered(client - base, clock + 1, clock + length);
  }
  for (const { id, length } of Y.decodeUpdate(update).structs) delivered(id.client - base, id.clock + 1, id.clock + length);
}

/** A typed character ends in its length, itself and an empty delete set. */
function length1(update) {
  const end = update.length;
  return update[end - 1] === 0 && update[end - 2] === 120 && update[end - 3] === 1;
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
