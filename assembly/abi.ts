// The numbers both sides of the boundary agree on. AssemblyScript and TypeScript compile this same file,
// so it holds enums and nothing else; const ones, so that only their numbers reach a bundle. Values are part of the ABI:
// append, never renumber.

/** What an engine call came to. Anything but Ok changed nothing. */
export const enum Status {
  Ok = 0,
  /** Everything in the bytes was known already. */
  Duplicate = 1,
  /** The block builds on ops that have not arrived. */
  Waiting = 2,
  IndexOutOfRange = 3,
  /** The index lies between the two halves of a surrogate pair. */
  InsideSurrogatePair = 4,
  InvalidUpdate = 5,
  ClockDrift = 6,
  TooLarge = 7,
  Overflow = 8,
  InvalidKey = 9,
  /** The container has another kind than the call expects. */
  WrongKind = 10,
  /** A counter's or a clock's number space is used up. */
  Exhausted = 11,
  /** This build leaves out what the bytes hold. */
  NotSupported = 12,
  /** It builds on elements that a snapshot without history left out. */
  HistoryCompacted = 13,
}

/** Words that JS reads after a call, beside its result: where the outbox is, and what the last document_receive came to. */
export const enum Mail {
  OutboxAt = 0,
  OutboxBytes = 1,
  Applied = 2,
  Duplicates = 3,
  Waiting = 4,
  /** A snapshot took the document's place: container and key numbers are new. */
  IsReplaced = 5,
}

/** What a container is. The kind is part of its identity, beside its path. */
export const enum Kind {
  Map = 0,
  Text = 1,
  RichText = 2,
  List = 3,
  Counter = 4,
  Set = 5,
}

export const enum BlockKind {
  Batch = 0,
  Void = 1,
  Snapshot = 2,
}

/** Ops as they stand in a batch: the low three bits of an op's tag. */
export const enum OpKind {
  Insert = 0,
  Delete = 1,
  MapSet = 2,
  MapDelete = 3,
  CounterAdd = 4,
  SetAdd = 5,
  SetRemove = 6,
  Move = 7,
}

/** What an op did to what a reader sees; recorded while a document is observed. */
export const enum EventKind {
  TextInsert = 0,
  TextDelete = 1,
  MapKey = 2,
  Counter = 3,
  Set = 4,
  ListInsert = 5,
}

/** Limits every decoder holds to. Each has a test at the limit and one past it. */
export const enum Limit {
  KeyBytes = 1024,
  ValueBytes = 262144,
  ValueDepth = 64,
  ContainerDepth = 64,
  WaitingBlocks = 16384,
  WaitingBytes = 16777216,
  /** Elements of one document, tombstones included. */
  Versions = 67108864,
  /** Elements a snapshot may bring whatever its size, and how many more for each of its bytes. */
  SnapshotVersions = 262144,
  SnapshotVersionsPerByte = 16,
}
