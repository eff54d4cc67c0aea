// Which file may import which: the house's layers, and one door per dependency.
//
//   assembly → sdk/core → sdk/wire, sdk/driver → sdk/storage, sdk/sync → sdk/store → sdk/index → cursors → bindings, editors
//   server stands on sdk/core, sdk/wire and sdk/driver; what only uses the public SDK may use the public SDK
//
// A layer imports itself and what is below it; neighbours on one level do not know each other. Tests are outside
// the rules, and nothing but tests may import them. Only the source text is read, so the check needs no build.

import { isBuiltin } from 'node:module';
import { posix } from 'node:path';

/** Source text by path from the repository's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/** What an app imports. */
const publicSdk: readonly string[] = ['sdk/index.ts', 'sdk/lite.ts', 'sdk/slim.ts'];
const levels: readonly (readonly string[])[] = [
  ['assembly/', 'build/engine/'],
  ['sdk/core/'],
  ['sdk/wire/', 'sdk/driver/'],
  ['sdk/storage/', 'sdk/sync/'],
  ['sdk/store/', 'sdk/sqlite/'],
  ['sdk/names.ts'],
  publicSdk,
  ['sdk/cursors/'],
  ['sdk/bindings/', 'sdk/editors/'],
];
/** What an app may import besides, from subpaths. */
const parts = ['sdk/cursors/index.ts', 'sdk/editors/index.ts'];
const serverBase = ['server/', 'sdk/core/', 'sdk/wire/', 'sdk/driver/'];
const sdkUsers = ['server/e2e/', 'server/console/page/'];

/** @returns one line per import that goes the wrong way; empty when all is well */
export function layerViolations(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [file, source] of sources) {
    if (isTest(file)) continue;
    if (!isPlaced(file)) {
      violations.push(`${file} belongs to no layer`);
      continue;
    }
    for (const target of importsOf(source).filter(isRelative).map((specifier) => resolve(file, specifier))) {
      const problem = importProblem(file, target);
      if (problem) violations.push(`${file} imports ${target}: ${problem}`);
    }
  }
  return violations;
}

/** @returns one line per package with more than one door, or with a door in the wrong place */
export function doorViolations(sources: Sources): string[] {
  const doors = new Map<string, string[]>();
  for (const [file, source] of sources) {
    if (isTest(file) || file.startsWith('server/e2e/')) continue;
    for (const name of new Set(importsOf(source).filter(isPackage).map(packageName))) {
      doors.set(name, [...(doors.get(name) ?? []), file]);
    }
  }
  return [...doors].flatMap(([name, files]) => doorProblems(name, files));
}

/** Specifiers of every static and dynamic import, re-export, require and worker address. Comments do not count. */
export function importsOf(source: string): string[] {
  const code = source.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, '');
  const patterns = [
    /^(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g,
    /\bnew URL\(\s*['"](\.[^'"]+\.js)['"],\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]));
}

export function isTest(file: string): boolean {
  return /(^|\/)testing\//.test(file) || /(\.test\.ts|(^|\/)conformance\.ts)$/.test(file);
}

function importProblem(file: string, target: string): string | null {
  if (isTest(target)) return 'only tests import tests';
  if (file.startsWith('server/')) return serverProblem(file, target);
  const from = levelOf(file);
  const to = levelOf(target);
  if (to === -1) return 'it is in no layer below';
  if (to > from) return 'upward';
  if (to === from && homeOf(file) !== homeOf(target) && from !== 0) return 'sideways';
  if (to === 0 && from > 1) return 'only sdk/core reaches into the engine';
  return null;
}

function serverProblem(file: string, target: string): string | null {
  const isUser = startsWithAny(file, sdkUsers);
  if (!isUser && startsWithAny(target, sdkUsers)) return 'what uses the SDK is above the server';
  if (startsWithAny(target, isUser ? [...serverBase, ...publicSdk, ...parts] : serverBase)) return null;
  return isUser ? 'it uses the SDK only through its public door' : 'the server stands on sdk/core, sdk/wire and sdk/driver only';
}

function doorProblems(name: string, files: string[]): string[] {
  if (name === 'playwright-core' || name === 'flatbuffers') return files.map((file) => `${name} is for tests, and ${file} is none`);
  return files.length > 1 ? [`${name} has ${files.length} doors: ${files.join(', ')}`] : [];
}

function isPlaced(file: string): boolean {
  return file.startsWith('server/') || levelOf(file) !== -1;
}

function levelOf(file: string): number {
  return levels.findIndex((homes) => startsWithAny(file, homes));
}

function homeOf(file: string): string | undefined {
  return levels.flat().find((home) => file.startsWith(home));
}

function resolve(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.');
}

/** Node's own modules are not dependencies, but node:sqlite is one choice among several and has a door. */
function isPackage(specifier: string): boolean {
  return !isRelative(specifier) && (specifier === 'node:sqlite' || !isBuiltin(specifier));
}

function packageName(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

function startsWithAny(text: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => text.startsWith(prefix));
}
