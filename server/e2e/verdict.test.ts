import { describe, expect, it } from '@jest/globals';
import type { AuthorResult } from './replay-author.js';
import { judge } from './verdict.js';
import type { Copy } from './verdict.js';

const author: AuthorResult = { author: 0, replica: 'aaaaaaaaaaaaaaaa', acked: 2, seqEnd: 5, version: [['aaaaaaaaaaaaaaaa', 5]], digest: 'd1', text: 'hello' };
const right: Copy = { where: 'author 0', text: 'hello', digest: 'd1', version: new Map([['aaaaaaaaaaaaaaaa', 5]]) };

function judged(changed: Partial<Copy>, acked = 2): string[] {
  return judge('hello', 2, [{ ...author, acked }], [right, { ...right, where: 'the server', ...changed }]);
}

describe('the verdict', () => {
  it('finds nothing wrong with equal copies', () => {
    expect(judged({})).toEqual([]);
    expect(judged({ version: undefined })).toEqual([]);
  });

  it('names a transaction that was never acked', () => {
    expect(judged({}, 1)).toEqual(['1 of 2 transactions were acked']);
  });

  it('names the copy with another text, and where it differs', () => {
    expect(judged({ text: 'helo' })).toEqual(['the server does not hold the recorded text: 4 characters instead of 5, first different at 3: "helo" instead of "hello"']);
  });

  it('names the copy with another digest', () => {
    expect(judged({ digest: 'd2' })).toEqual(['the server has digest d2, not d1']);
  });

  it('names a lost op, one too many, and ops of nobody', () => {
    expect(judged({ version: new Map([['aaaaaaaaaaaaaaaa', 4]]) })).toEqual(['the server has 4 ops of author 0, who wrote 5']);
    expect(judged({ version: new Map([['aaaaaaaaaaaaaaaa', 6]]) })).toEqual(['the server has 6 ops of author 0, who wrote 5']);
    expect(judged({ version: new Map([['aaaaaaaaaaaaaaaa', 5], ['bbbbbbbbbbbbbbbb', 1]]) })).toEqual(['the server has ops of replicas nobody wrote as: bbbbbbbbbbbbbbbb']);
  });
});
