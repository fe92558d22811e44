/** What one run measured, by name; the job says in which units. */
export type Sample = Readonly<Record<string, number>>

/** Work that is made ready once and timed as often as asked, in a process or a page of its own. */
export interface Job {
  /** What runs: device, threads, versions. */
  readonly description: string
  run(): Promise<Sample>
  close(): Promise<void>
}

/** What a module of `jobs/` or `pages/` exports. The options survive JSON. */
export type Prepare<Options> = (options: Options) => Promise<Job>
