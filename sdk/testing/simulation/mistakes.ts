// Bugs put in on purpose, one at a time, to see that the simulator finds them. None of this ships: they are wrapped around
// the ports of what ships, or take the place of one of its methods while a run lasts.

import { stampOf } from '../../core/clock.js';
import { readBlocks } from '../../core/codec.js';
import { HeadwaterError } from '../../core/errors.js';
import { Document } from '../../store/document.js';
import { Exchange } from '../../store/exchange.js';
import { Recorder } from '../../store/recorder.js';
import { Refusals } from '../../store/refusals.js';
import { ResilientStorage } from '../../storage/resilient.js';
import type { Append } from '../../storage/storage.js';
import { LogTail } from '../../../server/log-tail.js';
import { Acks } from '../../../server/push.js';
import type { Append as LogAppend, Store } from '../../../server/store/store.js';
import type { ServerStore } from './server-store.js';
import type { Mistake } from './world.js';

export const mistakes: readonly Mistake[] = [
  {
    name: 'ack-before-commit', about: 'the server answers a push while its commit is still on the way',
    store: (store) => over(store, {
      append: async (entries: readonly LogAppend[]) => {
        const { log } = store as ServerStore;
        const heads = new Map<string, number>();
        void store.append(entries).catch(() => {});
        return entries.map(({ document }) => {
          const lsn = (heads.get(document) ?? log.head(document)) + 1;
          heads.set(document, lsn);
          return { outcome: 'appended' as const, lsn };
        });
      },
    }),
  },
  {
    name: 'tail-of-batch', about: 'of a group of commits the last one is not stored',
    store: (store) => over(store, {
      append: async (entries: readonly LogAppend[]) => {
        const kept = entries.length > 1 ? entries.slice(0, -1) : entries;
        const answers = await store.append(kept);
        return [...answers, ...entries.slice(kept.length).map(() => ({ outcome: 'appended' as const, lsn: answers.at(-1)!.lsn + 1 }))];
      },
    }),
  },
  {
    name: 'void-is-forgotten', about: 'a repeated push of what was refused is answered as if it had been taken',
    store: (store) => over(store, {
      findRange: async (...at: Parameters<Store['findRange']>) => {
        const found = await store.findRange(...at);
        return found !== 'compacted' && found?.voidCode ? null : found;
      },
    }),
    install: () => replace(Refusals.prototype, 'take', () => function () {}),
  },
  {
    name: 'snapshot-ahead', about: 'a snapshot of the server says it reaches one entry further than it does',
    store: (store) => over(store, { writeSnapshot: (document: string, lsn: number, bytes: Uint8Array) => store.writeSnapshot(document, lsn + 1, bytes) }),
  },
  {
    name: 'catch-up-skips', about: 'who joins from memory is not sent the newest entry',
    install: () => replace(LogTail.prototype, 'since', (since) => function (this: LogTail, lsn: number) {
      const blocks = since.call(this, lsn);
      return blocks && blocks.length > 1 ? [...blocks.slice(0, -2), blocks.at(-1)!, blocks.at(-1)!] : blocks;
    }),
  },
  {
    name: 'ack-of-another', about: 'an ack names the op after the last one committed too',
    install: () => replace(Acks.prototype, 'add', (add) => function (this: Acks, ...[author, replica, seq]: Parameters<Acks['add']>) { add.call(this, author, replica, seq + 1); }),
  },
  {
    name: 'forgotten-flush', about: 'the device answers an append before it is made, and now and then never makes it',
    storage: (storage) => {
      let count = 0;
      return over(storage, { append: (writes: Append[], options?: { strict?: boolean }) => (++count % 4 === 0 ? storage.append(writes.map(({ document }) => ({ document }))).then(() => positionsFor(writes)) : storage.append(writes, options)) });
    },
  },
  {
    name: 'not-strict', about: 'own ops are written without asking for the disk',
    storage: (storage) => over(storage, { append: (writes: Append[]) => storage.append(writes) }),
  },
  {
    name: 'dropped-on-quota', about: 'what a full disk refuses is dropped, and the caller is told it is there',
    storage: (storage) => over(storage, {
      append: (writes: Append[], options?: { strict?: boolean }) => storage.append(writes, options).catch((error: HeadwaterError) => {
        if (error.details.reason === 'quota') return positionsFor(writes);
        throw error;
      }),
    }),
  },
  {
    name: 'seq-used-again', about: 'a session writes on under its replica before what is stored of it is loaded',
    install: () => replace(Document.prototype, 'setReplica', () => function () {}),
  },
  {
    name: 'cursor-before-apply', about: 'the position moves on, and now and then what it moved over is not applied',
    install: () => {
      let count = 0;
      return replace(Exchange.prototype, 'receive', (receive) => function (this: Exchange, ...[bytes, cursor]: Parameters<Exchange['receive']>) {
        receive.call(this, ++count % 7 === 0 ? new Uint8Array(0) : bytes, cursor);
      });
    },
  },
  {
    name: 'unmarked', about: 'a session does not note which documents have un-acked ops',
    storage: (storage) => over(storage, { writeMeta: async (key: string, value: Uint8Array | null) => { if (!key.startsWith('pending/')) await storage.writeMeta(key, value); } }),
  },
  {
    name: 'refused-stays', about: 'what the server refused is not taken back',
    install: () => replace(Refusals.prototype, 'schedule', () => function () {}),
  },
  {
    name: 'retry-is-a-new-write', about: 'after a reconnect what is un-acked is written again as new ops, though the server may have it',
    install: () => replace(Exchange.prototype, 'subscribed', (subscribed) => function (this: Exchange, version: ReadonlyMap<string, number>) {
      subscribed.call(this, version);
      for (const [replica, seq] of this.ends) if ((version.get(replica) ?? 0) >= seq) this.rejected({ replica, seqFrom: seq, seqTo: seq, code: 'replica_conflict', message: '' });
    }),
  },
  {
    name: 'tie-by-arrival', about: 'what comes is stamped with the time it comes: of two values the later to arrive wins',
    install: () => replace(Exchange.prototype, 'receive', (receive) => function (this: Exchange, ...[bytes, cursor]: Parameters<Exchange['receive']>) {
      receive.call(this, stampedNow(bytes), cursor);
    }),
  },
  {
    name: 'written-again-unread', about: 'what the disk refused is written again without a look at whether it is there',
    install: () => replace(ResilientStorage.prototype, 'rewriteHeld', (real) => function (this: ResilientStorage, ...[document, rewrite]: Parameters<ResilientStorage['rewriteHeld']>) {
      return real.call(this, document, (device, held) => rewrite({ ...device, records: [] }, held));
    }),
  },
  {
    name: 'record-left-out', about: 'of the log entries that come together the last one is not stored, and the cursor says it is',
    install: () => replace(Recorder.prototype, 'keep', (keep) => function (this: Recorder, ...[blocks, isOurs]: Parameters<Recorder['keep']>) {
      keep.call(this, isOurs ? blocks : blocks.slice(0, -1), isOurs);
    }),
  },
];

/** The same port, but for some of its calls. */
function over<Port extends object>(port: Port, calls: Partial<Record<keyof Port, unknown>>): Port {
  return new Proxy(port, {
    get(target, name) {
      if (name in calls) return calls[name as keyof Port];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

type Method = (...args: never[]) => unknown;

/** @returns puts the real one back */
function replace<Host extends object, Name extends keyof Host>(host: Host, name: Name, make: (real: Host[Name]) => Host[Name] & Method | Method): () => void {
  const real = host[name];
  host[name] = make(real) as Host[Name];
  return () => { host[name] = real; };
}

function positionsFor(writes: readonly Append[]): number[] { return writes.flatMap(({ records = [] }) => records).map((_, i) => i + 1); }

/** With another base stamp in every batch; FORMAT.md says where that lies. */
function stampedNow(update: Uint8Array): Uint8Array {
  const bytes = update.slice();
  for (const { kind, offset } of readBlocks(update)) {
    let at = offset + 1;
    const varint = () => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++];
        value |= (byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    if (kind !== 'batch') continue;
    varint();
    at += 8;
    varint();
    varint();
    const flags = bytes[at++];
    const replicas = flags & 1 ? varint() : 0;
    at += 8 * replicas;
    if (flags & 2) for (let left = 2 * varint(); left > 0; left--) varint();
    if (flags & 4) new DataView(bytes.buffer, at, 8).setBigUint64(0, stampOf(Date.now()), true);
  }
  return bytes;
}
