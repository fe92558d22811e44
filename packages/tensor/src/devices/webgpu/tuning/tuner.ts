import type { TunedChoice, TuningReport } from '../../../device'
import { nodeProcess } from '../../node-require'
import { describe } from '../adapter'
import type { DispatchQueue } from '../queue'
import { byImportance, type Choices, type PlannedContest } from './contest'
import { GpuBench } from './gpu-bench'
import { openStore, type VerdictStore } from './store'
import { tune, type Verdict } from './tune'

export interface TunerOptions {
  /** Milliseconds that measuring may take in all. */
  readonly budget: number
  /** Bytes that runs in a row go through, more than the last cache of any GPU holds. */
  readonly workingSet: number
  readonly store: VerdictStore
}

const BUDGET_MS = 1500
/** The last caches of large GPUs hold 50 to 128 MiB. A software adapter has that of the processor. */
const WORKING_SET = { hardware: 2 ** 28, software: 2 ** 24 }
/** Verdicts of other ways to measure do not count. */
const VERSION = 1

export const tunerDefaults = (adapter: GPUAdapter, features: ReadonlySet<string>, software: boolean): TunerOptions => {
  const { vendor, architecture, device } = adapter.info
  const environment = {
    ...{ version: VERSION, adapter: describe(adapter), vendor, architecture, device },
    ...{ features: [...features].sort(), runtime: globalThis.navigator?.userAgent ?? nodeProcess()?.version },
  }
  return {
    budget: BUDGET_MS,
    workingSet: software ? WORKING_SET.software : WORKING_SET.hardware,
    store: openStore(JSON.stringify(environment)),
  }
}

/** Chooses among the variants of shaders by what was measured, here and now or earlier. */
export class Tuner {
  readonly #options: TunerOptions
  readonly #found = new Map<string, TunedChoice>()
  readonly #open = new Set<string>()
  #place: string

  constructor(
    private readonly choices: Choices,
    options: TunerOptions,
  ) {
    this.#options = options
    this.#place = options.store.place
  }

  get report(): TuningReport {
    return { choices: [...this.#found.values()], open: [...this.#open], place: this.#place }
  }

  async tune(contests: readonly PlannedContest[], device: GPUDevice, queue: DispatchQueue): Promise<void> {
    const { store, budget, workingSet } = this.#options
    const kept = await store.read()
    const left = contests.filter(contest => !this.#adopt(contest, kept[keyOf(contest)], true))
    for (const { name } of left) this.#open.add(name)
    const fresh: Record<string, Verdict> = {}
    const bench = new GpuBench({ device, queue, workingSet })
    await tune(byImportance(left), bench, {
      budget,
      now: () => performance.now(),
      onVerdict: (contest, verdict) => {
        fresh[keyOf(contest)] = verdict
        this.#adopt(contest, verdict, false)
      },
    })
    if (Object.keys(fresh).length === 0) return
    const problem = await store.write({ ...kept, ...fresh })
    if (problem !== undefined) this.#place = `nowhere: ${problem}`
  }

  /** @returns whether there is a verdict on these implementations */
  #adopt(contest: PlannedContest, verdict: Verdict | undefined, kept: boolean): boolean {
    const { name, implementations } = contest
    if (!verdict || !implementations.includes(verdict.chosen)) return false
    const { chosen, microseconds, wrong } = verdict
    if (chosen !== implementations[0]) this.choices.set(contest.call.op, name, chosen)
    this.#found.set(name, { call: name, chosen, standard: implementations[0], microseconds, wrong, kept })
    this.#open.delete(name)
    return true
  }
}

const keyOf = ({ name, code }: PlannedContest): string => `${name} #${code}`
