// Headwater's console: one page over the public SDK. Everything it shows is what any app can have.

import { open } from '../../../sdk/index.js';
import type { Client, Document } from '../../../sdk/index.js';
import { bindConnection, wish } from './connection.js';
import { bindCounter } from './counter.js';
import { DocumentList, hashOf, idInAddress } from './documents.js';
import { byId, settled } from './dom.js';
import { messageOf, notice } from './notice.js';
import { People, Self } from './people.js';
import { bindTags } from './tags.js';
import { TextareaBinding } from './textarea.js';
import { bindTheme } from './theme.js';
import { WriteLog } from './writes.js';

const firstDocument = 'welcome';

async function start(): Promise<void> {
  bindTheme();
  // `?device=…` keeps a store of its own: two devices in one browser.
  const device = new URLSearchParams(location.search).get('device') ?? 'console';
  const client = await open({ name: device, server: location.origin.replace(/^http/, 'ws'), connect: !wish.offline });
  // For the curious: the browser's own console can call the SDK.
  Object.assign(globalThis, { headwater: client });
  bindConnection(client);
  new Page(client).route();
}

class Page {
  readonly #log = new WriteLog();
  readonly #list: DocumentList;
  readonly #self: Self;
  #people: People | undefined;
  /** Id of the document on the page. */
  #shown: string | undefined;
  #close: () => void = () => {};

  constructor(readonly client: Client) {
    this.#self = new Self(client.replica, () => this.#people?.announce());
    this.#list = new DocumentList(client, (id) => { location.hash = hashOf(id); });
    window.addEventListener('hashchange', () => this.route());
    byId<HTMLButtonElement>('skip').onclick = () => byId('editor').focus();
    // `noopener`, or the new window would start with this one's wish to be offline.
    byId<HTMLButtonElement>('window').onclick = () => window.open(location.href, '_blank', 'noopener');
  }

  /** Shows the document the address names; one that cannot be opened leaves the page where it was. */
  route(): void {
    notice('page', '');
    try {
      this.#turnTo(this.client.document(idInAddress() ?? firstDocument));
    } catch (error) {
      notice('page', messageOf(error));
      if (this.#shown === undefined) this.#turnTo(this.client.document(firstDocument));
    }
    history.replaceState(null, '', hashOf(this.#shown!));
  }

  #turnTo(doc: Document): void {
    this.#close();
    this.#shown = doc.id;
    this.#close = this.#show(doc);
    byId('title').textContent = doc.id;
    document.title = `${doc.id} · Headwater`;
    void this.#list.show(doc.id);
  }

  /** Binds every part of the page to one document, which stays open: it goes on syncing. @returns undoes the binding */
  #show(doc: Document): () => void {
    const text = doc.getText('text');
    const area = byId<HTMLTextAreaElement>('editor');
    const people = new People(this.client, doc.id, this.#self, text, area);
    const binding = new TextareaBinding(area, text, {
      write: (write, { inserted, deleted }) => this.#log.typed(write, inserted, deleted, doc.id),
      selection: (anchor, head) => { if (document.activeElement === area) people.select({ anchor, head }); },
      refused: (error) => notice('page', messageOf(error)),
    });
    const summariseSoon = settled(() => { if (this.#shown === doc.id) summarise(doc, text.length); }, 120);
    const undo = [
      doc.subscribe(summariseSoon),
      bindCounter(doc.getCounter('count'), this.#log),
      bindTags(doc.getSet<string>('tags'), this.#log),
      () => { binding.close(); people.close(); },
    ];
    this.#people = people;
    summariseSoon();
    return () => undo.forEach((step) => step());
  }
}

function summarise(doc: Document, length: number): void {
  byId('digest').textContent = doc.digest();
  byId('length').textContent = length === 1 ? '1 character' : `${length.toLocaleString()} characters`;
}

start().catch((error: unknown) => notice('page', `The page could not start: ${messageOf(error)}`));
