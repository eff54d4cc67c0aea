// The two things the page asks of the DOM: an element by its id, and a new element.

/** An element of index.html. A missing one is a mistake in the page, so it is said at once. */
export function byId<E extends HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found as E;
}

/**
 * A new element. Entries of `props` that the element has as properties are set as such, the rest become attributes.
 * Text goes in as text nodes: what a peer typed can never turn into markup.
 */
export function make<T extends keyof HTMLElementTagNameMap>(
  tag: T, props: Record<string, unknown> = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in element) Reflect.set(element, name, value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** Runs `fn` at most once per `delayMs`, always once after the last call. */
export function settled(fn: () => void, delayMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    timer ??= setTimeout(() => { timer = undefined; fn(); }, delayMs);
  };
}
