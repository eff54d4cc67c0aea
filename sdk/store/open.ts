// Opening a client: its options, its storage, the replica id it writes under.

import { DeviceClock, systemClock, type ClockPort } from '../core/clock.js';
import { HeadwaterError } from '../core/errors.js';
import { newReplicaId } from '../core/replica.js';
import { readClockState } from '../storage/clock-state.js';
import { DexieStorage, isIndexedDBAvailable } from '../storage/dexie.js';
import { MemoryStorage } from '../storage/memory.js';
import { claimReplica, webLocks, type ReplicaClaim } from '../storage/replicas.js';
import { ResilientStorage } from '../storage/resilient.js';
import type { Storage } from '../storage/storage.js';
import type { Token } from '../sync/connection.js';
import { systemPorts, type ConnectionPorts } from '../sync/ports.js';
import type { TabPorts } from '../sync/tabs-connection.js';
import type { Transport } from '../sync/transport.js';
import { webSocketTransport, type WebSocketClass } from '../sync/websocket.js';
import { Client } from './client.js';

export interface OpenOptions {
  /** Names the store on this device; clients of one name share it. */
  name?: string;
  /** ws:// or wss:// address, or a transport. Without one the client is local. */
  server?: string | Transport;
  /** A JSON Web Token, or what fetches one: asked for every attempt, and when the last one ends. */
  token?: Token;
  /** 'indexeddb' where there is one, else 'memory'; or a storage of your own. */
  storage?: 'indexeddb' | 'memory' | Storage;
  /** Needed where there is no global WebSocket, as in Node 20. */
  WebSocket?: WebSocketClass;
  /** False starts offline; connect() goes online. */
  connect?: boolean;
  /**
   * Bytes of engine memory for open documents, 64 MiB when left out. Past it those not used for longest are put aside as a few
   * bytes each, and come back by themselves when something is asked of them.
   */
  memoryLimit?: number;
}

/**
 * Opens a client. Resolves when its storage answers; the server may take its time.
 *
 * @throws HeadwaterError `invalid_argument`
 */
export function open(options: OpenOptions = {}): Promise<Client> { return openWith(options); }

/** The world of a client, for tests: instead of the browser's Web Locks and channels, the storage's own waits, the system's timers. */
export interface OpenParts {
  locks?: LockManager;
  channel?: TabPorts['channel'];
  ports?: (transport: Transport) => ConnectionPorts;
  clock?: ClockPort;
  retryMs?: readonly number[];
}

export async function openWith(options: OpenOptions, { locks = webLocks(), channel, ports = systemPorts, clock = systemClock, retryMs }: OpenParts = {}): Promise<Client> {
  const { name = 'headwater', token, memoryLimit = memoryLimitBytes } = options;
  if (typeof memoryLimit !== 'number' || !(memoryLimit > 0)) throw new HeadwaterError('invalid_argument', 'memoryLimit is a number of bytes above 0', { memoryLimit });
  if (typeof name !== 'string') throw new HeadwaterError('invalid_argument', 'a name is a string', { name });
  const transport = transportFor(options);
  let client = null as Client | null;
  const storage = new ResilientStorage(storageFor(options.storage, name), { retryMs, onStatus: () => client?.storageChanged() });
  const [claim, clockState] = await Promise.all([
    claimReplica(storage, name, locks).catch(temporaryClaim),
    readClockState(storage).catch(() => undefined),
  ]);
  // A store of this tab alone is nothing to share.
  const between = channel ?? (storage.kind === 'memory' ? undefined : webChannel());
  const at = typeof options.server === 'string' ? options.server : '';
  const tabs = locks && between ? { name: `${name}/${at}`, locks, channel: between } : null;
  const world = transport && { ...ports(transport), now: () => clock.now(), ticks: () => clock.ticks() };
  client = new Client({ name, storage, claim, clock: new DeviceClock(clock, clockState), ports: world, token, tabs, memoryLimit });
  await client.loadRejected();
  if (!tabs) await client.resume();
  if (options.connect !== false) client.connect();
  return client;
}

const memoryLimitBytes = 64 * 2 ** 20;

/** Node has channels too; see webLocks. */
function webChannel(): TabPorts['channel'] | undefined {
  return webLocks() && typeof BroadcastChannel === 'function' ? (name) => new BroadcastChannel(name) : undefined;
}

function transportFor({ server, WebSocket }: OpenOptions): Transport | null {
  if (server === undefined) return null;
  if (typeof server === 'object' && typeof server?.connect === 'function') return server;
  if (typeof server === 'string' && /^wss?:\/\//.test(server)) return webSocketTransport(server, { WebSocket });
  throw new HeadwaterError('invalid_argument', 'server is a ws:// or wss:// address, or a transport', { server });
}

function storageFor(choice: OpenOptions['storage'], name: string): Storage {
  if (typeof choice === 'object' && choice !== null) return choice;
  if (choice !== undefined && choice !== 'indexeddb' && choice !== 'memory') {
    throw new HeadwaterError('invalid_argument', `storage is "indexeddb", "memory" or a Storage, not ${String(choice)}`);
  }
  if (choice === 'indexeddb' && !isIndexedDBAvailable()) {
    throw new HeadwaterError('invalid_argument', 'there is no IndexedDB here; leave storage out, or use "memory"');
  }
  return choice === 'memory' || !isIndexedDBAvailable() ? new MemoryStorage() : new DexieStorage(`headwater/${name}`);
}

/** Storage is away: this session writes under an id of its own. */
function temporaryClaim(): ReplicaClaim {
  const replica = newReplicaId();
  return { replica, devices: [replica], isUsed: false, release() {} };
}
