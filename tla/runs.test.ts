// Every model keeps its claims and has exactly the states it is recorded with; every mutant is caught, by the claim
// and at the depth recorded; and each .tla module says the same as its TypeScript, name by name.

import { describe, it, expect } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explore } from './explorer.js';
import { mutantRuns, runs, sessionMutants } from './runs.js';
import { SyncProtocol } from './sync-protocol.js';
import { SyncSession } from './sync-session.js';

const regular = Object.entries(runs).filter(([, { isDeep }]) => !isDeep);

describe('the models', () => {
  it.each(regular)('%s: every claim holds in every state', (_name, run) => {
    const { states, depth, violation, isCut, taken } = explore(run.spec());
    expect(violation?.trace.map(({ label }) => label)).toBeUndefined();
    expect(isCut).toBe(false);
    expect(run.isFloor ? states >= run.states && depth >= run.depth : [states, depth]).toEqual(run.isFloor || [run.states, run.depth]);
    idle.push(...Object.keys(taken).filter((action) => taken[action] === 0).map((action) => `${run.module}.${action}`));
    busy.push(...Object.keys(taken).filter((action) => taken[action] > 0).map((action) => `${run.module}.${action}`));
  });

  it('take every action in some run', () => {
    expect(idle.filter((action) => !busy.includes(action))).toEqual([]);
  });
});

const idle: string[] = [];
const busy: string[] = [];

describe('the mutants', () => {
  it.each(Object.entries(mutantRuns))('%s is caught', (_name, { spec, caughtBy, steps }) => {
    const { violation } = explore(spec());
    expect(caughtBy).toContain(violation?.claim);
    expect(violation!.trace.length - 1).toBe(steps);
  });

  it.each(Object.entries(sessionMutants))('%s is caught around the session that ships', (_name, { spec, caughtBy }) => {
    expect(caughtBy).toContain(explore(spec()).violation?.claim);
  });

  it('need no oracle: every order mutant but one that all agree on breaks another claim than MatchesTree', () => {
    const missed = Object.entries(mutantRuns).filter(([, { module, spec }]) => {
      if (module !== 'FugueMax') return false;
      const { MatchesTree: _oracle, ...invariants } = spec().invariants;
      return explore({ ...spec(), invariants }).violation === null;
    });
    expect(missed.map(([name]) => name)).toEqual(['tie-break-upside-down']);
  });
});

it('the session that ships is the model, as long as nothing goes wrong', () => {
  const bounds = { writes: { a: 1, b: 1 }, nodes: ['n'], faults: 0 };
  const [model, session] = [explore(new SyncProtocol(bounds).spec()), explore(new SyncSession(bounds).spec())];
  expect([session.states, session.depth, session.taken]).toEqual([model.states, model.depth, model.taken]);
});

describe.each(['SyncProtocol', 'FugueMax'] as const)('%s.tla', (module) => {
  const [name] = Object.entries(runs).find(([, run]) => run.module === module)!;
  const spec = runs[name].spec();
  const text = source(`${module}.tla`);
  const next = text.slice(text.indexOf('\nNext =='), text.indexOf('\nSpec =='));

  it('has the same actions', () => {
    const actions = [...next.matchAll(/^ +\\\/ (\w+)\(\w+\)$/gm)].map(([, action]) => action);
    expect(actions.sort()).toEqual(Object.keys(spec.actions).sort());
  });

  it('has the same claims, and its configuration checks all of them', () => {
    const names = [...Object.keys(spec.invariants), ...Object.keys(spec.steps ?? {}), ...(spec.goal ? [spec.goal.name] : [])];
    for (const claim of names) expect(text).toMatch(new RegExp(`^${claim} ==`, 'm'));
    const config = source(`${module}.cfg`);
    const listed = [...config.matchAll(/(?:INVARIANTS|PROPERTIES)\n((?:  \w+\n)+)/g)].flatMap(([, lines]) => lines.trim().split(/\s+/));
    expect(listed.sort()).toEqual(names.sort());
  });

  it('lets the same actions heal', () => {
    const healing = [...text.matchAll(/WF_vars\((\w+)\(/g)].map(([, action]) => action);
    expect(healing.sort()).toEqual([...(spec.goal?.healing ?? [])].sort());
  });
});

it('README.md records the counts and every mutant', () => {
  const readme = source('README.md');
  for (const [name, { states, depth }] of Object.entries(runs)) {
    expect(readme).toMatch(new RegExp(`\`${name}\`.*\\| ${states.toLocaleString('en-US')} \\| ${depth} \\|`));
  }
  for (const [name, { steps }] of Object.entries(mutantRuns)) expect(readme).toMatch(new RegExp(`\`${name}\`.*\\| ${steps} \\|`));
});

/** The tests run compiled, the modules are read where they are written: beside this file's source. */
function source(file: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return readFileSync(join(here.replace(/[\\/]build[\\/]js(?=[\\/])/, ''), file), 'utf8');
}
