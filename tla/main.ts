// `npm run explore [run…] [--mutant name] [--deep]`: explores models and prints what it found, with the shortest
// trace to a violation if there is one. Without arguments: every run that is part of the tests.

import { explore, printTrace, type Report } from './explorer.js';
import { mutantRuns, runs } from './runs.js';

const [names, mutants] = parse(process.argv.slice(2));
const isMistakeMissed = mutants.map((name) => show(name, explore(mutantRuns[name].spec()))).some((isClean) => isClean);
const isClean = names.map((name) => show(name, explore(runs[name].spec()))).every((each) => each);
process.exitCode = isClean && !isMistakeMissed ? 0 : 1;

function parse(args: string[]): [names: string[], mutants: string[]] {
  const mutants = args.filter((_arg, at) => args[at - 1] === '--mutant');
  const names = args.filter((arg) => !arg.startsWith('--') && !mutants.includes(arg));
  const unknown = [...names.filter((name) => !(name in runs)), ...mutants.filter((name) => !(name in mutantRuns))];
  if (unknown.length > 0) {
    console.log(`unknown: ${unknown.join(', ')}\nruns: ${Object.keys(runs).join(', ')}\nmutants: ${Object.keys(mutantRuns).join(', ')}`);
    process.exit(2);
  }
  if (names.length > 0 || mutants.length > 0) return [names, mutants];
  return [Object.keys(runs).filter((name) => !runs[name].isDeep || args.includes('--deep')), []];
}

/** @returns whether no claim was violated */
function show(name: string, report: Report): boolean {
  const { states, depth, transitions, seconds, violation, isCut } = report;
  const about = runs[name]?.about ?? `mutant: ${mutantRuns[name].mistake}`;
  const result = violation ? `violates ${violation.claim}` : isCut ? 'cut off: nothing proved' : 'every claim holds';
  console.log(`${name} (${about})\n  ${states} states, depth ${depth}, ${transitions} transitions, ${seconds} s: ${result}`);
  if (violation) console.log(`${printTrace(violation.trace)}\n`);
  return violation === null && !isCut;
}
