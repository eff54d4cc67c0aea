// diamond-types: a text only. An update is everything since the version before the edit.

import { Doc } from 'diamond-types-node';

/** @type {import('../system.js').System} */
export default {
  name: 'diamond-types',
  title: 'diamond-types',
  create: (author) => replicaOf(new Doc(nameOf(author))),
  load: (saved, author) => replicaOf(Doc.fromBytes(saved, nameOf(author))),
};

function nameOf(author) {
  return `author-${author}`;
}

function replicaOf(doc) {
  let keep = null;
  const edit = (change) => {
    const before = doc.getLocalVersion();
    change();
    keep(doc.getPatchSince(before));
  };
  return {
    insert: (index, inserted) => { keep ? edit(() => doc.ins(index, inserted)) : doc.ins(index, inserted); },
    delete: (index, count) => { keep ? edit(() => doc.del(index, count)) : doc.del(index, count); },
    text: () => doc.get(),
    set() { throw new Error('diamond-types has no map'); },
    get() { throw new Error('diamond-types has no map'); },
    listen: (listener) => { keep = listener; },
    apply: (update) => { doc.mergeBytes(update); },
    save: () => doc.toBytes(),
    free: () => doc.free(),
  };
}
