// Every limit of the server, by name. Each is a promise about memory or time, and each has a test at the
// limit and one past it. A limit that lives as a number inside some function cannot be found or tuned.

import * as wire from '../sdk/wire/limits.js';

const kib = 1024;
const mib = 1024 * kib;

export const defaultLimits = {
  /** One frame, header included. The transport itself refuses more, before anything is decoded. */
  frameBytesMax: wire.frameBytesMax,
  /** One block. It must fit a changes frame together with the document's id and the LSNs. */
  blockBytesMax: wire.frameBytesMax - wire.frameOverheadBytes,
  documentsPerSocketMax: 256,
  /** Sockets of one user: each device has one, and a page without shared tabs one for every tab. */
  socketsPerUserMax: 64,
  /** Sockets of one address. Loopback is not counted: what comes from there is a proxy, or this machine's own. */
  socketsPerAddressMax: 1_024,
  /** A frame of somebody who has not said who it is: a hello, whose token has 8 KiB at most. */
  helloBytesMax: 16 * kib,
  /** A token, before anything of it is decoded. */
  tokenBytesMax: wire.tokenBytesMax,
  /** Ops (elements inserted or deleted, or single changes) of one batch: all of a big text may be deleted at once, not more. */
  opsPerBatchMax: 8 * 1024 * 1024,
  /** Frames a second of one socket, after so many at once. What comes faster waits; an honest client waits with it. */
  messagesPerSecondMax: 2_000,
  messagesAtOnceMax: 10_000,
  /** The same in bytes. */
  bytesPerSecondMax: 8 * mib,
  bytesAtOnceMax: 32 * mib,
  /** Of frames that wait: twice what an honest client has on its way. Past it the socket is closed and may return. */
  waitingBytesMax: 2 * mib,
  /** The body of an HTTP request. */
  httpBodyBytesMax: 1 * mib,
  presenceBytesMax: wire.presenceBytesMax,
  /** Resyncs in a row for a push that misses a dependency before the document is refused to that socket. */
  missingInARowMax: 8,
  /** Presence values one socket may keep alive in one document: one per tab behind a leader, generously. */
  presencePerSocketMax: 64,
  /** Pushed by one socket and neither acked nor refused yet; clients keep to 1 MiB. Past it the socket is closed and may return. */
  unackedBytesMax: 4 * mib,
  /** The same for all sockets together. Past it a push is refused for now, and with it its document to that socket. */
  uncommittedBytesMax: 64 * mib,
  /** Bytes waiting in one socket. Past it frames are dropped and the socket is told to resync. */
  backpressureBytesMax: 1 * mib,
  /** Documents being read into memory at the same time, … */
  roomsLoadingMax: 16,
  /** … and waiting for that. Past it a document is refused for now. */
  roomsWaitingMax: 10_000,
  /** From the opening of a socket to a token that is good. */
  helloTimeoutMs: 5_000,
  /** A client is asked for another token so long before its own ends … */
  tokenRenewMs: 30_000,
  /** … and closed so long after that: an answer may be on its way. */
  tokenGraceMs: 10_000,
  /** How far clocks of token makers may be off. */
  clockToleranceMs: 10_000,
  /** How often the store is asked whether another node's admin has decided something. */
  accessPollMs: 2_000,
  /** How often the app's `authorize` is asked again about what is in use. */
  authorizeMs: 2_500,
  pingIntervalMs: 30_000,
  /** Who has shown itself is asked for a sign of life after this much silence … */
  presencePingMs: 5_000,
  /** … and is shown no more after this much, until it gives one. */
  presenceSilenceMsMax: 12_000,
  /** Silent for this long: the peer is gone, whatever TCP believes. */
  silenceMsMax: 75_000,
  /** One piece of a catch-up. */
  chunkBytesMax: 256 * kib,
  /** A stamp further ahead of our clock than this is refused before it can win every merge. */
  stampAheadMsMax: 5 * 60_000,
  /** One group commit. */
  groupRowsMax: 1_000,
  groupBytesMax: 1 * mib,
  /** Recent log kept in memory per room, so that a reader can join under load. */
  tailBytesMax: 256 * kib,
  /** A snapshot is due after this much log, or as much as the last snapshot was big. */
  snapshotEntriesMin: 1_000,
  snapshotBytesMin: 256 * kib,
  /** A room nobody listens to is put away after this long. */
  roomIdleMs: 60_000,
  /** How often the heads of all open documents are compared with the log's, for what no hint told of; 0: never. */
  headCheckMs: 2_000,
  /** Another node that has not been heard for this long is gone, and so is the presence of who was connected there. */
  nodeSilenceMsMax: 4_000,
  /** For so long the log is kept entry by entry; older ones go when a snapshot of that age stands for them. 0: for ever. */
  retentionMs: 7 * 24 * 3_600_000,
  /** How often documents are sought of whose log something may go. */
  compactionCheckMs: 60_000,
  /** Longest pause before a room whose commit failed is loaded again. */
  reloadDelayMsMax: 2_000,
  /** How long a drain may take before the process stops waiting for it. */
  drainMsMax: 10_000,
} as const;

export type Limits = { readonly [Name in keyof typeof defaultLimits]: number };
