// Levels by pattern, against a naive twin: every pattern as a regular expression, the winner by sorting.

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seedFromEnv } from '../../sdk/testing/seed.js';
import { allows, levels, type Level } from './level.js';
import { parsePermissions, Permissions } from './permissions.js';

describe('a level', () => {
  it('includes those before it', () => {
    const pairs = levels.flatMap((held, i) => levels.map((needed, j) => [allows(held, needed), i >= j]));
    for (const [said, is] of pairs) expect(said).toBe(is);
  });
});

describe('of the patterns that match', () => {
  it.each<[Record<string, Level>, string, Level]>([
    [{}, 'todo-1', 'none'],
    [{ 'todo-*': 'write' }, 'todo-1', 'write'],
    [{ 'todo-*': 'write' }, 'todo-', 'write'],
    [{ 'todo-*': 'write' }, 'todo', 'none'],
    [{ 'todo-*': 'write' }, 'my-todo-1', 'none'],
    [{ '*': 'read', 'todo-*': 'write' }, 'todo-1', 'write'],
    [{ 'todo-*': 'write', '*': 'admin' }, 'todo-1', 'write'],
    [{ '*': 'read', 'todo-*': 'write', 'todo-secret': 'none' }, 'todo-secret', 'none'],
    [{ '*': 'read', 'todo-*': 'write', 'todo-secret': 'none' }, 'todo-secret2', 'write'],
    [{ 'a*c': 'read', 'ab*': 'write' }, 'abc', 'read'],
    [{ 'ab*': 'write', 'a*b*': 'read' }, 'abc', 'write'],
    [{ 'a**': 'admin', 'a*': 'read' }, 'abc', 'read'],
    [{ 'a*b*a': 'write' }, 'aba', 'write'],
    [{ 'a*b*a': 'write' }, 'ab', 'none'],
    [{ 'a*a': 'write' }, 'a', 'none'],
    [{ 'team/*/notes': 'write' }, 'team/7/x/notes', 'write'],
    [{ 'a.c': 'write' }, 'abc', 'none'],
    [{ 'Todo': 'write' }, 'todo', 'none'],
  ])('%j gives %s: %s', (byPattern, document, level) => {
    expect(new Permissions(byPattern).levelOf(document)).toBe(level);
  });

  it('the most specific decides, in whatever order they come', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), minLength: 1, maxLength: 6 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), minLength: 1, maxLength: 6 });
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(pattern, fc.constantFrom(...levels)), { selector: ([name]) => name }), text, (rules, document) => {
      expect(new Permissions(Object.fromEntries(rules)).levelOf(document)).toBe(naiveLevel(rules, document));
    }), { numRuns: 5_000, seed: seedFromEnv() | 0 });
  });

  it('none takes long, however it is made', () => {
    const permissions = new Permissions({ [`${'a*'.repeat(120)}b`]: 'write' });
    const before = performance.now();
    for (let i = 0; i < 100; i += 1) expect(permissions.levelOf('a'.repeat(256))).toBe('none');
    expect(performance.now() - before).toBeLessThan(500);
  });
});

function naiveLevel(rules: readonly (readonly [string, Level])[], document: string): Level {
  const fits = ([pattern]: readonly [string, Level]) => {
    const source = pattern.split('*').map((piece) => piece.replaceAll('.', '\\.')).join('.*');
    return new RegExp(`^${source}$`, 's').test(document);
  };
  const stars = (pattern: string) => pattern.split('*').length;
  const literal = (pattern: string) => pattern.replaceAll('*', '').length;
  const [best] = rules.filter(fits).sort(([a, levelA], [b, levelB]) =>
    literal(b) - literal(a) || stars(a) - stars(b) || levels.indexOf(levelA) - levels.indexOf(levelB));
  return best?.[1] ?? 'none';
}

describe('permissions', () => {
  it('that are no object of levels are refused', () => {
    for (const claim of [null, 'write', ['write'], 1, true, { a: 'owner' }, { a: null }, { '': 'read' }, { ['x'.repeat(257)]: 'read' }]) {
      expect(() => parsePermissions(claim)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`, 'read']));
    expect(parsePermissions(many(512)).levelOf('d511')).toBe('read');
    expect(() => parsePermissions(many(513))).toThrow(/512/);
    expect(parsePermissions(undefined).levelOf('a')).toBe('none');
  });

  it('name the admin of all', () => {
    const isAdmin = (byPattern: Record<string, Level>) => new Permissions(byPattern).isAdminOfAll;
    expect([isAdmin({ '*': 'admin' }), isAdmin({ '**': 'admin', a: 'none' })]).toEqual([true, true]);
    expect([isAdmin({ '*': 'write' }), isAdmin({ 'a*': 'admin' }), isAdmin({})]).toEqual([false, false, false]);
  });
});
