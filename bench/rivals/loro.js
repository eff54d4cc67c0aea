// Loro: without a listener its edits stay in one open transaction, its fastest; with one, each is committed.

import { LoroDoc } from 'loro-crdt';

/** @type {import('../system.js').System} */
export default {
  name: 'loro',
  title: 'Loro',
  create: (author) => replicaOf(fresh(author)),
  load(saved, author) {
    const doc = fresh(author);
    doc.import(saved);
    return replicaOf(doc);
  },
};

function fresh(author) {
  const doc = new LoroDoc();
  doc.setPeerId(BigInt(author) * 0x9e3779b97f4a7c1n);
  return doc;
}

function replicaOf(doc) {
  const text = doc.getText('text');
  const map = doc.getMap('map');
  let done = () => {};
  return {
    insert: (index, inserted) => { text.insert(index, inserted); done(); },
    delete: (index, count) => { text.delete(index, count); done(); },
    text: () => text.toString(),
    set: (key, value) => { map.set(key, value); done(); },
    get: (key) => map.get(key),
    listen(keep) {
      doc.subscribeLocalUpdates(keep);
      done = () => doc.commit();
    },
    apply: (update) => { doc.import(update); },
    save() {
      doc.commit();
      return doc.export({ mode: 'snapshot' });
    },
    saveShallow() {
      doc.commit();
      return doc.export({ mode: 'shallow-snapshot', frontiers: doc.oplogFrontiers() });
    },
    free: () => doc.free(),
  };
}
