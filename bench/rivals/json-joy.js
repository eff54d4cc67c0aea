// json-joy: edits gather in a patch that is flushed after each, which is both its documented use and its fastest here.

import { Model } from 'json-joy/lib/json-crdt/index.js';
import { Patch, s } from 'json-joy/lib/json-crdt-patch/index.js';

/** @type {import('../system.js').System} */
export default {
  name: 'json-joy',
  title: 'json-joy',
  // The schema is made under a session all replicas share, so that theirs is one text and one map.
  create: (author) => replicaOf(Model.create(s.obj({ text: s.str(''), map: s.obj({}) }), sessionOf(author))),
  load: (saved, author) => replicaOf(Model.load(saved, sessionOf(author))),
};

/** As long as the random ids json-joy gives itself: they are part of what an update weighs. */
function sessionOf(author) {
  return 2 ** 52 + author * 0x9e3779b1;
}

function replicaOf(model) {
  const { api } = model;
  const text = api.str(['text']);
  const map = api.obj(['map']);
  let done = () => { api.flush(); };
  done();
  return {
    insert: (index, inserted) => { text.ins(index, inserted); done(); },
    delete: (index, count) => { text.del(index, count); done(); },
    text: () => text.view(),
    set: (key, value) => { map.set({ [key]: value }); done(); },
    get: (key) => map.view()[key],
    listen: (keep) => { done = () => keep(api.flush().toBinary()); },
    apply: (update) => model.applyPatch(Patch.fromBinary(update)),
    save: () => model.toBinary(),
    free: () => {},
  };
}
