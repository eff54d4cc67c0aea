import { describe, expect, it } from '@jest/globals';
import { createDocument, type Peer } from '../index.js';
import { colorOf, nameOf } from './colors.js';
import { CursorBoard } from './cursor-board.js';
import { encodeSelection } from './selection.js';

const [ada, ben, own] = ['0000000000000001', '0000000000000002', '0000000000000003'];

function peers(values: Record<string, unknown>): Peer<unknown>[] {
  return Object.entries(values).map(([replica, value]) => ({ replica, value }));
}

describe('a board', () => {
  it('has the others in this text, with the names and colours they chose or are given', () => {
    const document = createDocument();
    const [text, title] = [document.getText('body'), document.getText('title')];
    text.insert(0, 'hello');
    title.insert(0, 'x');
    const selection = encodeSelection(text, { anchor: 4, head: 1 });
    const group = peers({
      [ada]: { name: 'Ada', color: '#123456', selection }, [ben]: { selection, name: '  ', color: 'red;}' }, [own]: { selection },
      '0000000000000004': { name: 'elsewhere', selection: encodeSelection(title, { anchor: 0, head: 0 }) }, '0000000000000005': null, '0000000000000006': 'x',
    });
    const [first, second, ...rest] = new CursorBoard(text).read(group, own);
    expect(first).toEqual({ id: ada, name: 'Ada', color: '#123456', anchor: 4, head: 1, mark: selection });
    expect(second).toMatchObject({ id: ben, name: nameOf(ben), anchor: 4, head: 1 });
    expect(second.color).toMatch(/^#/);
    expect(rest).toEqual([]);
    expect(new CursorBoard(text).read(peers({ [ben]: { selection } }), own)[0].color).toBe(colorOf(ben));
  });

  it('leaves a peer where it was until the character it leans on has come', () => {
    const document = createDocument();
    const text = document.getText('t');
    text.insert(0, 'ab');
    const here = createDocument();
    here.import(document.export());
    const board = new CursorBoard(here.getText('t'));
    const read = (selection: unknown) => board.read(peers({ [ada]: { selection } }), own).map(({ head }) => head);
    expect(read(encodeSelection(text, { anchor: 1, head: 1 }))).toEqual([1]);
    text.insert(1, 'X');
    const ahead = encodeSelection(text, { anchor: 2, head: 2 });
    expect(read(ahead)).toEqual([1]);
    here.getText('t').insert(0, '__');
    expect(read(ahead)).toEqual([3]);
    here.import(document.export(here.version()));
    expect(read(ahead)).toEqual([4]);
    expect(read(null)).toEqual([]);
    // It left the text; what it had there does not count any more.
    text.insert(3, 'Y');
    expect(read(encodeSelection(text, { anchor: 4, head: 4 }))).toEqual([]);
  });

  it('cuts a name that would cover the page, between letters', () => {
    const text = createDocument().getText('t');
    const selection = encodeSelection(text, { anchor: 0, head: 0 });
    const [{ name }] = new CursorBoard(text).read(peers({ [ada]: { name: '🐟'.repeat(500), selection } }), own);
    expect(name).toBe('🐟'.repeat(40));
  });
});
