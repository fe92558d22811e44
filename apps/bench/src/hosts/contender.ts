import type { Job } from '../job'

/** A job in its own process or browser. */
export interface Contender extends Job {
  /** As the report calls it. */
  readonly name: string
  /** The most memory that its process has held so far, resident, in bytes; undefined where the system does not tell. */
  peakBytes(): Promise<number | undefined>
}
