// What the tuner decides, apart from any GPU: a bench measures, a clock tells the time.

/** Runs of one call by different implementations, to compare. */
export interface Contest {
  /** Says what is computed: op, types, shapes, and how many rows. */
  readonly name: string
  /** The default first. */
  readonly implementations: readonly string[]
}

/** Runs implementations of a contest. */
export interface Bench<C extends Contest> {
  /** Compiles, and makes inputs. @returns whether there is memory for them */
  prepare(contest: C): Promise<boolean>
  /** Frees what a contest needed. */
  release(contest: C): void
  /** Whether an implementation gives the values of the default one, but for what it may round. */
  agrees(contest: C, implementation: string): Promise<boolean>
  /** Milliseconds of `runs` runs, from their start until the GPU reports that they are done. */
  time(contest: C, implementation: string, runs: number): Promise<number>
}

/** What came of a contest. */
export interface Verdict {
  readonly chosen: string
  /** Median time of a run by implementation, in microseconds. */
  readonly microseconds: Readonly<Record<string, number>>
  /** Those whose values differ from the default's: they are never chosen. */
  readonly wrong: readonly string[]
}

/** Another implementation must be faster than the default by this share. */
const MARGIN = 0.05
/** Rounds in which each implementation runs once. */
const ROUNDS = 5
/** Time of runs that differences of clocks are small against, in ms. */
const LONG_ENOUGH = 1
const MOST_RUNS = 64

/**
 * Time of a run, in ms, from that of n runs and of 3 n: the time that it takes to begin and to hear of the end is in both, and
 * cancels.
 */
export const perRun = (once: number, thrice: number, runs: number): number => Math.max(0, thrice - once) / (2 * runs)

const medianOf = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The default, unless another takes at least 5% less time. A time of 0 does not count: the machine was disturbed. */
export const choose = (implementations: readonly string[], times: Readonly<Record<string, number>>): string => {
  const [standard] = implementations
  let chosen = standard
  for (const name of implementations)
    if (times[name] > 0 && times[name] <= times[standard] * (1 - MARGIN) && times[name] < times[chosen]) chosen = name
  return chosen
}

export interface Tuning<C extends Contest> {
  /** Milliseconds that may pass. */
  readonly budget: number
  /** Milliseconds since any moment. */
  readonly now: () => number
  /** Called with each contest that was measured to its end. */
  readonly onVerdict: (contest: C, verdict: Verdict) => void
}

/**
 * Measures contests, the most important first, until time is up. A contest that time does not suffice for has no verdict: its
 * default stays, and it is measured another time.
 */
export const tune = async <C extends Contest>(
  contests: readonly C[],
  bench: Bench<C>,
  { budget, now, onVerdict }: Tuning<C>,
): Promise<void> => {
  const end = now() + budget
  const late = () => now() >= end
  for (const contest of contests) {
    if (late()) return
    try {
      if (!(await bench.prepare(contest))) continue
      const verdict = await measured(contest, bench, late)
      if (!verdict) return
      onVerdict(contest, verdict)
    } finally {
      bench.release(contest)
    }
  }
}

/** @returns undefined when time was up first */
const measured = async <C extends Contest>(
  contest: C,
  bench: Bench<C>,
  late: () => boolean,
): Promise<Verdict | undefined> => {
  const [standard, ...others] = contest.implementations
  const right = [standard]
  for (const name of others) {
    if (late()) return undefined
    if (await bench.agrees(contest, name)) right.push(name)
  }
  const sample = async (name: string, runs: number) => {
    const once = await bench.time(contest, name, runs)
    return perRun(once, await bench.time(contest, name, 3 * runs), runs)
  }
  let runs = 1
  await sample(standard, runs) // warms up
  while (runs < MOST_RUNS && 2 * runs * (await sample(standard, runs)) < LONG_ENOUGH) {
    if (late()) return undefined
    runs *= 2
  }
  // All run in each round, so that what disturbs the machine disturbs all.
  const samples = new Map<string, number[]>(right.map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++)
    for (const name of right) {
      if (late()) return undefined
      samples.get(name)?.push(await sample(name, runs))
    }
  const times = Object.fromEntries([...samples].map(([name, each]) => [name, medianOf(each)]))
  return {
    chosen: choose(right, times),
    microseconds: Object.fromEntries(Object.entries(times).map(([name, time]) => [name, 1000 * time])),
    wrong: others.filter(name => !right.includes(name)),
  }
}
