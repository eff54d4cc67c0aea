// What somebody may do with a document. Each level includes those before it.
//
//   none    to this user the document does not exist
//   read    follow it, show a presence in it
//   write   push batches
//   admin   say what others may do with it

export const levels = ['none', 'read', 'write', 'admin'] as const;
export type Level = (typeof levels)[number];

export function isLevel(value: unknown): value is Level {
  return levels.includes(value as Level);
}

export function allows(held: Level, needed: Level): boolean {
  return levels.indexOf(held) >= levels.indexOf(needed);
}

export function lower(a: Level, b: Level): Level {
  return allows(a, b) ? b : a;
}
