/** What one run measured, by name; the job says in which units. */
export type Sample = Readonly<Record<string, number>>

/** Work that is made ready once and timed as often as asked, in its own process or page. */
export interface Job {
  /** What runs: device, threads, versions. */
  readonly description: string
  /** What else is known of it, for the report's JSON: plain JSON. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
  run(): Promise<Sample>
  close(): Promise<void>
}

/** The export of each module of `jobs/` and `pages/`. Options are plain JSON. */
export type Prepare<Options> = (options: Options) => Promise<Job>
