// Yjs: one transaction per edit, as an editor binding makes them; saved as a version 2 update.

import * as Y from 'yjs';

/** @type {import('../system.js').System} */
export default {
  name: 'yjs',
  title: 'Yjs',
  create: (author) => replicaOf(fresh(author)),
  load(saved, author) {
    const doc = fresh(author);
    Y.applyUpdateV2(doc, saved);
    return replicaOf(doc);
  },
};

function fresh(author) {
  const doc = new Y.Doc();
  doc.clientID = idOf(author);
  return doc;
}

/**
 * As long as the random ids Yjs gives itself, since they are part of what an update weighs. Ascending, since at one place
 * of friendsforever Yjs orders two authors by their ids, and the recorded text has them this way round.
 */
function idOf(author) {
  return 0x80000000 + author * 0x01234567;
}

function replicaOf(doc) {
  const text = doc.getText('text');
  const map = doc.getMap('map');
  return {
    insert: (index, inserted) => text.insert(index, inserted),
    delete: (index, count) => text.delete(index, count),
    text: () => text.toString(),
    set: (key, value) => map.set(key, value),
    get: (key) => map.get(key),
    listen: (keep) => doc.on('update', keep),
    apply: (update) => Y.applyUpdate(doc, update),
    save: () => Y.encodeStateAsUpdateV2(doc),
    free: () => doc.destroy(),
  };
}
