// What every measured system looks like to a workload: one small interface, so that all of them do the same work.
//
// Headwater's is headwater.ts; the rivals' are plain JavaScript in rivals/, beside the node_modules they come from, so
// that this repository compiles and tests without them.

export interface System {
  /** Names it in rows and baselines: `headwater`, `yjs` … */
  readonly name: string;
  /** With its version, for people. */
  readonly title: string;
  /** A fresh document with an empty text and an empty map. @param author  1, 2, 3 …: whose edits it makes */
  create(author: number): Replica;
  /** A document from what `save` gave. */
  load(saved: Uint8Array, author: number): Replica;
}

export interface Replica {
  insert(index: number, text: string): void;
  delete(index: number, count: number): void;
  text(): string;
  set(key: string, value: number): void;
  get(key: string): unknown;
  /** From now on every edit hands its update to `keep`, as bytes that are the caller's. */
  listen(keep: (update: Uint8Array) => void): void;
  apply(update: Uint8Array): void;
  save(): Uint8Array;
  /** Saved for others to start from, without its history; two have it. */
  saveShallow?(): Uint8Array;
  /** Where single edits would take minutes, many may be made as one transaction. Only Automerge has it. */
  transact?(work: () => void): void;
  /** Bytes of memory the document holds, where a system can say. */
  memoryBytes?(): number;
  /** Runs of characters it keeps the text in. */
  spans?(): number;
  free(): void;
}
