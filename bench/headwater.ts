// Headwater as a workload sees it: the public names of `headwater`, nothing from inside but a count.

import { Kind } from '../sdk/core/document.js';
import { createDocument } from '../sdk/index.js';
import type { Document } from '../sdk/index.js';
import type { Replica, System } from './system.js';

export const headwater: System = {
  name: 'headwater',
  title: 'Headwater',
  create: (author) => replicaOf(fresh(author)),
  load(saved, author) {
    const document = fresh(author);
    document.import(saved);
    return replicaOf(document);
  },
};

function fresh(author: number): Document {
  return createDocument({ replica: author.toString(16).padStart(2, '0').repeat(8) });
}

function replicaOf(document: Document): Replica {
  const text = document.getText('text');
  return {
    insert: (index, inserted) => { text.insert(index, inserted); },
    delete: (index, count) => { text.delete(index, count); },
    text: () => text.toString(),
    set: (key, value) => { document.set(key, value); },
    get: (key) => document.get()[key],
    listen: (keep) => { document.on('update', keep); },
    apply: (update) => { document.import(update); },
    save: () => document.snapshot(),
    saveShallow: () => document.snapshot({ history: false }),
    memoryBytes: () => document.memoryBytes,
    spans: () => document.engine.textSpans(document.engine.container(['text'], Kind.Text)),
    free: () => { document.close(); },
  };
}
