// Colours and names for people who have chosen none: the same on every screen, without anybody deciding them.
//
// All colours have about the same luminance, 0.16: dark enough for white letters on them (4.5 : 1 and more) and for a line on
// a white page, light enough for a line on a dark one (3 : 1 and more). So they differ in hue alone, and there is room
// for twelve that people can tell apart.

export const colors: readonly string[] = [
  '#d03638', '#036fd7', '#128307', '#a04ac2', '#93690d', '#077d7e',
  '#c33987', '#0a7a9a', '#6d7608', '#6f5cde', '#b55508', '#028063',
];

const kinds = ['Amber', 'Brisk', 'Calm', 'Clever', 'Dusky', 'Early', 'Gentle', 'Hazel', 'Lucky', 'Misty', 'Nimble', 'Quiet', 'River', 'Silver', 'Sunny', 'Swift'];
const animals = ['Beaver', 'Crane', 'Dipper', 'Egret', 'Grebe', 'Heron', 'Kingfisher', 'Mink', 'Newt', 'Otter', 'Perch', 'Plover', 'Salmon', 'Swan', 'Teal', 'Trout'];

/** The colour of a replica or user id, as #rrggbb. Two of a small group may share one: then `colorsOf` tells them apart. */
export function colorOf(id: string): string {
  return colors[hash(id) % colors.length];
}

/**
 * A colour for each of a group, all different in a group of up to twelve. Each has its own (`colorOf`) unless somebody
 * with a lesser id has the same; who asks does not matter, so everybody sees the same.
 */
export function colorsOf(ids: Iterable<string>): Map<string, string> {
  const group = [...new Set(ids)].sort();
  const chosen = new Map<string, string>();
  const taken = new Set<string>();
  const choose = (id: string, color: string) => { chosen.set(id, color); taken.add(color); };
  for (const id of group) if (!taken.has(colorOf(id))) choose(id, colorOf(id));
  for (const id of group.filter((one) => !chosen.has(one))) {
    const free = colors.filter((color) => !taken.has(color));
    choose(id, free.length > 0 ? free[hash(id) % free.length] : colorOf(id));
  }
  return chosen;
}

/** A name to call somebody by who has given none: "Quiet Otter". One of 256. */
export function nameOf(id: string): string {
  const number = hash(id);
  return `${kinds[(number >>> 8) % kinds.length]} ${animals[(number >>> 16) % animals.length]}`;
}

/** FNV-1a, and the last mixing step of MurmurHash3, without which ids that differ at the end share their high bits. */
function hash(id: string): number {
  let mixed = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) mixed = Math.imul(mixed ^ id.charCodeAt(i), 0x01000193);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
