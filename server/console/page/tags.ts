// The tags: a set where adding wins over a removal that had not seen it.

import type { DocumentSet } from '../../../sdk/index.js';
import { byId, make } from './dom.js';
import type { WriteLog } from './writes.js';

/** @returns undoes the binding */
export function bindTags(tags: DocumentSet<string>, log: WriteLog): () => void {
  const draw = () => byId('tags').replaceChildren(...sorted(tags).map((tag) => chip(tag, tags, log)));
  const input = byId<HTMLInputElement>('tag-name');
  byId<HTMLFormElement>('tag').onsubmit = (event) => {
    event.preventDefault();
    const tag = input.value.trim();
    input.value = '';
    if (tag !== '' && !tags.has(tag)) log.add(`tag “${tag}” added`, tags.add(tag));
  };
  draw();
  return tags.subscribe(draw);
}

function chip(tag: string, tags: DocumentSet<string>, log: WriteLog): HTMLElement {
  const remove = make('button', { type: 'button', ariaLabel: `Remove the tag ${tag}` }, '×');
  remove.onclick = () => {
    log.add(`tag “${tag}” removed`, tags.delete(tag));
    // The chip that had the focus is gone; the keyboard goes on at the input.
    byId('tag-name').focus();
  };
  return make('li', { 'data-tag': tag }, make('span', {}, tag), remove);
}

/** Another program may keep any JSON value in the set; here it shows as text. */
function sorted(tags: DocumentSet<string>): string[] {
  return [...tags.values()].map((tag) => (typeof tag === 'string' ? tag : JSON.stringify(tag))).sort((a, b) => a.localeCompare(b));
}
