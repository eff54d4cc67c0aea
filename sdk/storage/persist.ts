// Asking the browser to keep what this site stores, rather than clear it when room is short.

let answer: Promise<boolean> | null = null;

/** Asks once, as some browsers put it to the user. @returns whether it will; false where nobody can be asked */
export function askToPersist(storage: Pick<StorageManager, 'persist'> | undefined = globalThis.navigator?.storage): Promise<boolean> {
  return (answer ??= (async () => (await storage?.persist?.()) ?? false)().catch(() => false));
}
