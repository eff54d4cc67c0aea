// The line to the server: its state, the button that cuts it, what still waits, and what went wrong.

import type { Client, Status } from '../../../sdk/index.js';
import { byId } from './dom.js';
import { notice } from './notice.js';

const labels: Record<Status['connection'], string> = {
  'offline': 'Offline', 'connecting': 'Connecting', 'catching-up': 'Catching up', 'live': 'Live',
};

/** Whether the person went offline on purpose. Kept for a reload, so that offline means offline until they say otherwise. */
export const wish = {
  get offline() { return sessionStorage.getItem('headwater.offline') === 'yes'; },
  set offline(value: boolean) { sessionStorage.setItem('headwater.offline', value ? 'yes' : 'no'); },
};

export function bindConnection(client: Client): void {
  const toggle = byId<HTMLButtonElement>('toggle');
  const label = () => {
    toggle.textContent = wish.offline ? 'Go online' : 'Go offline';
    toggle.setAttribute('aria-pressed', String(wish.offline));
  };
  toggle.onclick = () => {
    wish.offline = !wish.offline;
    if (wish.offline) client.disconnect();
    else client.connect();
    label();
  };
  label();
  client.status.subscribe(draw);
  draw(client.status.get());
}

function draw({ connection, pending, storage, error }: Status): void {
  const pill = byId('connection');
  pill.dataset.state = connection;
  pill.textContent = connection === 'offline' && !wish.offline ? 'No server, retrying' : labels[connection];
  const line = byId('pending');
  line.dataset.pending = String(pending);
  line.textContent = pendingText(pending, connection);
  notice('connection', noticeText(storage, error));
}

function pendingText(pending: number, connection: Status['connection']): string {
  if (pending === 0) return 'Nothing waits for the server.';
  const changes = pending === 1 ? '1 change waits' : `${pending} changes wait`;
  return connection === 'live' ? `${changes} for the server.` : `${changes} for the server, safe on this device.`;
}

function noticeText(storage: Status['storage'], error: Status['error']): string {
  if (storage === 'degraded') return 'This browser did not store a write: changes are kept in memory and still sent. Keep this window open until they are on the server.';
  // No server is what the page is made for: the pill says it, and it is no alarm.
  return error && error.code !== 'unavailable' ? error.message : '';
}
