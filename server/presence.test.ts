import { describe, expect, it } from '@jest/globals';
import { Presence } from './presence.js';

const replica = 'aaaaaaaaaaaaaaaa';
const [gone, here, there] = [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2)];

const shown = (presence: Presence<object>) => presence.entries().map((entry) => [entry.replica, entry.state]);

describe('presence over several nodes', () => {
  const node = { id: 'another node' };
  const socket = {};

  it('is where it was last shown, and a late farewell from the other place does not end it', () => {
    const presence = new Presence<object>(8);
    expect(presence.setElsewhere(node, replica, there)).toBe(true);
    expect(presence.set(socket, replica, here, true)).toBe('taken-in');
    expect(presence.setElsewhere(node, replica, gone)).toBe(false);
    expect(shown(presence)).toEqual([[replica, here]]);
    expect(presence.setElsewhere(node, replica, there)).toBe(true);
    expect(presence.removeAll(socket)).toEqual([]);
    expect(presence.removeAll(node)).toEqual([replica]);
    expect(shown(presence)).toEqual([]);
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

describe('presence where there are accounts', () => {
  const [ann, bob] = [{ user: 'ann', name: 'Ann' }, { user: 'bob' }];

  it('says whose it is', () => {
    const presence = new Presence<object>(8);
    presence.set({}, replica, here, true, ann);
    expect(presence.entries()).toMatchObject([{ replica, state: here, by: ann }]);
  });

  it('is taken over from a dead connection by the same user only, whatever replica another says hello with', () => {
    const presence = new Presence<object>(8);
    presence.set({}, replica, here, true, ann);
    expect(presence.set({}, replica, there, true, bob)).toBe('not-yours');
    expect(presence.set({}, replica, there, true)).toBe('not-yours');
    expect(presence.set({}, replica, gone, true, bob)).toBe('not-yours');
    expect(presence.set({}, replica, there, false, ann)).toBe('not-yours');
    expect(presence.set({}, replica, there, true, ann)).toBe('taken-in');
    const elsewhere = new Presence<object>(8);
    elsewhere.setElsewhere({}, replica, here, ann);
    expect(elsewhere.set({}, replica, there, true, bob)).toBe('not-yours');
    expect(elsewhere.set({}, replica, there, true, ann)).toBe('taken-in');
  });

  it('is news when it is another user’s', () => {
    const presence = new Presence<object>(8);
    const node = {};
    expect([ann, ann, bob].map((by) => presence.setElsewhere(node, replica, here, by))).toEqual([true, false, true]);
  });
});
