import { describe, expect, it } from '@jest/globals';
import { Presence } from './presence.js';

const replica = 'aaaaaaaaaaaaaaaa';
const [gone, here, there] = [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2)];

describe('presence over several nodes', () => {
  const node = { id: 'another node' };
  const socket = {};

  it('is where it was last shown, and a late farewell from the other place does not end it', () => {
    const presence = new Presence<object>(8);
    expect(presence.setElsewhere(node, replica, there)).toBe(true);
    expect(presence.set(socket, replica, here, true)).toBe('taken-in');
    expect(presence.setElsewhere(node, replica, gone)).toBe(false);
    expect(presence.entries()).toEqual([[replica, here]]);
    expect(presence.setElsewhere(node, replica, there)).toBe(true);
    expect(presence.removeAll(socket)).toEqual([]);
    expect(presence.removeAll(node)).toEqual([replica]);
    expect(presence.entries()).toEqual([]);
  });

  it('is no news when it is what is known', () => {
    const presence = new Presence<object>(8);
    expect([1, 2].map(() => presence.setElsewhere(node, replica, there.slice()))).toEqual([true, false]);
    expect([1, 2].map(() => presence.setElsewhere(node, replica, gone))).toEqual([true, false]);
    presence.set(socket, replica, here, true);
    presence.setSilent(socket, true);
    expect(presence.entriesOf(socket)).toEqual([]);
    expect(presence.setElsewhere(node, replica, here)).toBe(true);
  });
});
