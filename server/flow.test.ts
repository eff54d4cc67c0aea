import { describe, expect, it } from '@jest/globals';
import { Budget, Gate } from './flow.js';

describe('a budget', () => {
  it('is taken to the last and not beyond, and can be taken again when it was given back', () => {
    const budget = new Budget(10);
    expect([budget.take(6), budget.take(5), budget.take(4), budget.take(1)]).toEqual([true, false, true, false]);
    budget.give(6);
    expect([budget.take(6), budget.take(1)]).toEqual([true, false]);
  });

  it('lets through what is alone, however big: it would wait for ever', () => {
    const budget = new Budget(10);
    expect([budget.take(11), budget.take(1)]).toEqual([true, false]);
    budget.give(11);
    expect(budget.isUsed).toBe(false);
  });
});

describe('a gate', () => {
  function setUp() {
    const gate = new Gate(2, 2);
    const ends: ((error?: Error) => void)[] = [];
    const begun: number[] = [];
    const pass = (name: number) => gate.pass(() => {
      begun.push(name);
      return new Promise<number>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve(name))));
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    return { pass, begun, ends, turn };
  }

  it('lets in as many as it may, the others in the order they came', async () => {
    const { pass, begun, ends, turn } = setUp();
    const results = [pass(1), pass(2), pass(3), pass(4)];
    await turn();
    expect(begun).toEqual([1, 2]);
    ends[1]();
    await turn();
    expect(begun).toEqual([1, 2, 3]);
    ends[0]();
    await turn();
    for (const end of ends) end();
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
    expect(begun).toEqual([1, 2, 3, 4]);
  });

  it('turns away who comes when as many wait as may, and goes on', async () => {
    const { pass, begun, ends, turn } = setUp();
    const results = [pass(1), pass(2), pass(3), pass(4)];
    await expect(pass(5)).rejects.toMatchObject({ code: 'unavailable' });
    ends[0]();
    await turn();
    results.push(pass(6));
    for (let round = 0; round < 6; round++, await turn()) for (const end of ends) end();
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 6]);
    expect(begun).toEqual([1, 2, 3, 4, 6]);
  });

  it('has room again after work that failed', async () => {
    const { pass, ends, turn } = setUp();
    const results = [pass(1), pass(2), pass(3)];
    ends[0](new Error('no'));
    await expect(results[0]).rejects.toThrow('no');
    await turn();
    for (const end of ends) end();
    expect(await Promise.all(results.slice(1))).toEqual([2, 3]);
  });
});
