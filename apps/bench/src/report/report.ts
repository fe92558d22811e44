import type { Machine } from '../machine'
import type { Measure } from '../measure'

/** Whose a bar is. */
export type Role = 'cria' | 'peer' | 'limit'

export interface Bar {
  readonly label: string
  readonly role: Role
  readonly measure: Measure
}

export interface Chart {
  readonly title: string
  /** What the bars mean, and which are better. */
  readonly caption: string
  readonly unit: string
  readonly bars: readonly Bar[]
}

/** Rows of cells, the first a name and the others numbers. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The results of a benchmark, for the terminal, JSON and HTML. */
export interface Report {
  readonly title: string
  readonly command: string
  /** ISO 8601. */
  readonly date: string
  readonly machine: Machine
  /** Each that took part, and as what: device, threads, versions. */
  readonly ran: readonly { readonly name: string; readonly description: string }[]
  readonly tables: readonly Table[]
  readonly charts: readonly Chart[]
  /** How to read the numbers. */
  readonly notes: readonly string[]
  /** All numbers, for programs. */
  readonly data: unknown
}

/** A report without machine, date and command, which are added for all reports. */
export type Findings = Omit<Report, 'command' | 'date' | 'machine'>
