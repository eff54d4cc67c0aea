import { describe, expect, it } from '@jest/globals';
import { replaceSection } from './page.js';

describe('results.md', () => {
  it('keeps what was not run', () => {
    const page = '# Runs\n\n## The engine\n\nold\n\n## The server\n\nkept\n';
    expect(replaceSection(page, 'The engine', 'new')).toBe('# Runs\n\n## The engine\n\nnew\n\n## The server\n\nkept\n');
  });

  it('grows by a section that was never there', () => {
    expect(replaceSection('# Runs\n\n## The engine\n\nold\n', 'The server', 'new')).toBe('# Runs\n\n## The engine\n\nold\n\n## The server\n\nnew\n');
  });
});
