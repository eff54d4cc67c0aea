// The list of documents: those kept on this device and those the server has, in one list.

import type { Client } from '../../../sdk/index.js';
import { byId, make } from './dom.js';

const refreshMs = 5_000;

export class DocumentList {
  #current = '';
  #onServer = new Set<string>();

  constructor(readonly client: Client, open: (id: string) => void) {
    const input = byId<HTMLInputElement>('create-name');
    byId<HTMLFormElement>('create').onsubmit = (event) => {
      event.preventDefault();
      const id = input.value.trim();
      input.value = '';
      if (id !== '') open(id);
    };
    setInterval(() => void this.refresh(), refreshMs);
  }

  async show(current: string): Promise<void> {
    this.#current = current;
    await this.refresh();
  }

  async refresh(): Promise<void> {
    this.#onServer = (await listOnServer()) ?? this.#onServer;
    const onDevice = new Set(await this.client.documents());
    const ids = [...new Set([this.#current, ...onDevice, ...this.#onServer])].filter((id) => id !== '').sort((a, b) => a.localeCompare(b));
    const rows = ids.map((id) => this.#row(id, onDevice.has(id)));
    const focused = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.hash : '';
    byId('documents').replaceChildren(...rows);
    // A refresh must not take the keyboard away from somebody moving through the list.
    if (focused) rows.find((row) => row.querySelector('a')?.hash === focused)?.querySelector('a')?.focus();
  }

  #row(id: string, isOnDevice: boolean): HTMLElement {
    const link = make('a', { href: hashOf(id) }, make('span', { className: 'name' }, id));
    if (isOnDevice) link.append(make('i', { className: 'dot device', title: 'on this device' }));
    if (this.#onServer.has(id)) link.append(make('i', { className: 'dot server', title: 'on the server' }));
    if (id === this.#current) link.setAttribute('aria-current', 'page');
    return make('li', { 'data-document': id }, link);
  }
}

export function hashOf(id: string): string {
  return `#${encodeURIComponent(id)}`;
}

/** The id in the address, or undefined when there is none or it is not well-formed. */
export function idInAddress(): string | undefined {
  try {
    return decodeURIComponent(location.hash.slice(1)) || undefined;
  } catch {
    return undefined;
  }
}

/** undefined when the server cannot be asked: then what it had last time still stands. */
async function listOnServer(): Promise<Set<string> | undefined> {
  try {
    const answer = await fetch('v1/documents', { signal: AbortSignal.timeout(refreshMs) });
    return new Set((await answer.json() as { id: string }[]).map(({ id }) => id));
  } catch {
    return undefined;
  }
}
