// Automerge: one change per edit takes tens of seconds for a paper, so a whole replay may be one change (`transact`).
// Rows that need an update per edit are run without it.

import * as Automerge from '@automerge/automerge';

/** @type {import('../system.js').System} */
export default {
  name: 'automerge',
  title: 'Automerge',
  create: (author) => replicaOf(Automerge.from({ text: '', map: {} }, actorOf(author))),
  load: (saved, author) => replicaOf(Automerge.load(saved, actorOf(author))),
};

function actorOf(author) {
  return author.toString(16).padStart(2, '0').repeat(16);
}

function replicaOf(doc) {
  let draft = null;
  const change = (work) => {
    if (draft) return work(draft);
    doc = Automerge.change(doc, work);
  };
  return {
    insert: (index, inserted) => change((d) => Automerge.splice(d, ['text'], index, 0, inserted)),
    delete: (index, count) => change((d) => Automerge.splice(d, ['text'], index, count)),
    text: () => doc.text,
    set: (key, value) => change((d) => { d.map[key] = value; }),
    get: (key) => doc.map[key],
    listen() { throw new Error('an update per edit is not measured for Automerge'); },
    apply: (update) => { doc = Automerge.loadIncremental(doc, update); },
    save: () => Automerge.save(doc),
    transact(work) {
      doc = Automerge.change(doc, (d) => {
        draft = d;
        work();
        draft = null;
      });
    },
    free: () => Automerge.free(doc),
  };
}
