// A breadth-first explorer: visits every state a spec can reach and checks what must hold in each.
//
// It does what TLC does for small models, without Java, so that the specs run in every `npm test`. States are
// plain values; two are the same if their canonical text is. Breadth first means the first violation found has
// the shortest trace there is. Three kinds of claim are checked:
//   invariants  – true in every state;
//   steps       – true of every pair (before, after);
//   goal        – from every reachable state, any run of healing actions alone ends, and where it ends it is true.
// The last is how "on healing everything converges" becomes checkable. Walking the whole graph backwards along
// healing actions from the states where they end well must reach every state: what it does not reach either ends
// badly or can be busy for ever. So no fairness has to be assumed but that something enabled is done.

export interface Successor<State> {
  /** The action's arguments, for the trace: `Push` with `a` prints as `Push(a)`. */
  with: string;
  state: State;
}

export interface Spec<State> {
  name: string;
  initial: State[];
  /** Name → every state the action can lead to; none when it is not enabled. Must not change its argument. */
  actions: Record<string, (state: State) => Successor<State>[]>;
  invariants: Record<string, (state: State) => boolean>;
  steps?: Record<string, (before: State, after: State) => boolean>;
  goal?: { name: string; holds: (state: State) => boolean; healing: string[] };
  /** Equal texts mean equal states. A spec with symmetry returns the least text of all its renamings. */
  keyOf?: (state: State) => string;
}

export interface TraceStep { label: string; state: unknown }

export interface Report {
  spec: string;
  states: number;
  /** Steps on the longest of all shortest paths. */
  depth: number;
  transitions: number;
  seconds: number;
  /** How often each action was taken. One that never was makes a spec hollow. */
  taken: Record<string, number>;
  violation: { claim: string; trace: TraceStep[] } | null;
  /** True when `statesMax` ended the search: then nothing is proved. */
  isCut: boolean;
}

/** O(states + transitions) in time; memory holds every state's text. */
export function explore<State>(spec: Spec<State>, statesMax = 2_000_000): Report {
  const started = performance.now();
  const search = new Search(spec, statesMax);
  const violation = search.run() ?? search.findStuck();
  const seconds = Math.round(performance.now() - started) / 1000;
  const { states, depth, transitions, taken, isCut } = search;
  return { spec: spec.name, states, depth, transitions, seconds, taken, violation, isCut };
}

class Search<State> {
  readonly taken: Record<string, number> = {};
  transitions = 0;
  isCut = false;
  private readonly numbers = new Map<string, number>();
  private readonly frontier: State[] = [];
  // Per state: where it was first reached from, by what, and how deep; −1 for an initial state.
  private readonly parents: number[] = [];
  private readonly labels: string[] = [];
  private readonly depths: number[] = [];
  private readonly reached: boolean[] = [];
  // Healing steps as pairs (to, from), for the walk backwards.
  private readonly healingTo: number[] = [];
  private readonly healingFrom: number[] = [];
  private readonly healing: Set<string>;
  private readonly keyOf: (state: State) => string;
  private broken: { claim: string; at: number; last?: TraceStep } | null = null;

  constructor(private readonly spec: Spec<State>, private readonly statesMax: number) {
    this.healing = new Set(spec.goal?.healing ?? []);
    this.keyOf = spec.keyOf ?? JSON.stringify;
    for (const name of Object.keys(spec.actions)) this.taken[name] = 0;
  }

  get states(): number {
    return this.parents.length;
  }

  get depth(): number {
    return this.depths[this.depths.length - 1] ?? 0;
  }

  run(): Report['violation'] {
    for (const state of this.spec.initial) this.visit(state, -1, 'Init');
    for (let at = 0; at < this.states && this.broken === null; at++) {
      if (this.states > this.statesMax) this.isCut = true;
      if (this.isCut) break;
      const state = this.frontier[at];
      // A state whose successors are known is needed no more; traces are replayed from labels.
      delete this.frontier[at];
      this.expand(state, at);
    }
    return this.broken && { claim: this.broken.claim, trace: this.trace(this.broken.at, this.broken.last) };
  }

  /** The shallowest state from which a run of healing actions ends outside the goal, or never. */
  findStuck(): Report['violation'] {
    if (!this.spec.goal || this.isCut) return null;
    const from = groupBy(this.healingTo, this.healingFrom, this.states);
    const open = new Int32Array(this.states);
    for (const at of this.healingFrom) open[at] += 1;
    // Ready are the states all of whose healing steps lead to ready states; an end is ready if it is the goal.
    const ready = this.reached.flatMap((isReached, at) => (isReached && open[at] === 0 ? [at] : []));
    for (let next = 0; next < ready.length; next++) {
      for (const before of from(ready[next])) if (--open[before] === 0) ready.push(before);
    }
    if (ready.length === this.states) return null;
    const isReady = new Uint8Array(this.states);
    for (const at of ready) isReady[at] = 1;
    return { claim: this.spec.goal.name, trace: this.trace(isReady.indexOf(0)) };
  }

  private expand(state: State, at: number): void {
    for (const [name, action] of Object.entries(this.spec.actions)) {
      for (const next of action(state)) {
        const label = next.with === '' ? name : `${name}(${next.with})`;
        this.transitions += 1;
        this.taken[name] += 1;
        this.checkStep(state, next.state, at, label);
        const to = this.visit(next.state, at, label);
        if (this.broken) return;
        if (this.healing.has(name)) this.healingTo.push(to), this.healingFrom.push(at);
      }
    }
  }

  /** @returns the state's number, new or known */
  private visit(state: State, parent: number, label: string): number {
    const key = this.keyOf(state);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const at = this.states;
    this.numbers.set(key, at);
    this.frontier[at] = state;
    this.parents.push(parent);
    this.labels.push(label);
    this.depths.push(parent < 0 ? 0 : this.depths[parent] + 1);
    this.reached.push(this.spec.goal?.holds(state) ?? false);
    const claim = Object.keys(this.spec.invariants).find((name) => !this.spec.invariants[name](state));
    if (claim) this.broken ??= { claim, at };
    return at;
  }

  private checkStep(before: State, after: State, at: number, label: string): void {
    const steps = this.spec.steps ?? {};
    const claim = Object.keys(steps).find((name) => !steps[name](before, after));
    if (claim) this.broken ??= { claim, at, last: { label, state: after } };
  }

  private trace(at: number, last?: TraceStep): TraceStep[] {
    const numbers: number[] = [];
    for (let each = at; each >= 0; each = this.parents[each]) numbers.unshift(each);
    const steps = numbers.map((each): TraceStep => ({ label: this.labels[each], state: null }));
    let [state] = this.spec.initial.filter((each) => this.numbers.get(this.keyOf(each)) === numbers[0]);
    steps.forEach((step, i) => {
      if (i > 0) state = this.take(state, step.label, numbers[i]);
      step.state = state;
    });
    return last ? [...steps, last] : steps;
  }

  private take(state: State, label: string, number: number): State {
    const [name] = label.split('(');
    const [next] = this.spec.actions[name](state).filter((each) => this.numbers.get(this.keyOf(each.state)) === number);
    return next.state;
  }
}

/** @returns a function from a target to all its sources; counting sort, since there may be millions of pairs */
function groupBy(targets: number[], sources: number[], count: number): (target: number) => Int32Array {
  const ends = new Int32Array(count + 1);
  for (const target of targets) ends[target + 1] += 1;
  for (let at = 0; at < count; at++) ends[at + 1] += ends[at];
  const grouped = new Int32Array(sources.length);
  const next = ends.slice();
  targets.forEach((target, at) => { grouped[next[target]++] = sources[at]; });
  return (target) => grouped.subarray(ends[target], ends[target + 1]);
}

/** The trace as text: each step, and of its state only what the step changed. */
export function printTrace(trace: TraceStep[]): string {
  const lines = trace.map(({ label, state }, at) => {
    const before = at === 0 ? {} : trace[at - 1].state;
    return `${String(at).padStart(3)}  ${label}\n${changes('', before, state).map((line) => `       ${line}`).join('\n')}`;
  });
  return lines.join('\n');
}

function changes(path: string, before: unknown, after: unknown): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const isRecord = (value: unknown) => value !== null && typeof value === 'object' && !Array.isArray(value);
  if (!isRecord(before) || !isRecord(after)) return [`${path} = ${JSON.stringify(after)}`];
  return Object.entries(after as object).flatMap(([name, value]) =>
    changes(path === '' ? name : `${path}.${name}`, (before as Record<string, unknown>)[name], value));
}
