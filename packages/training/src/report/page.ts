/** One series of points, in order. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Faint and thin: noise behind the curve that matters. */
  readonly faint?: boolean
}

export interface Curves {
  readonly kind: 'curves'
  readonly title: string
  /** What the curves show, and which way is better. */
  readonly caption: string
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
  readonly yFromZero?: boolean
}

/** Means with 95% confidence intervals beside each other. */
export interface Intervals {
  readonly kind: 'intervals'
  readonly title: string
  readonly caption: string
  readonly x: string
  readonly rows: readonly {
    readonly name: string
    readonly mean: number
    readonly margin: number
    readonly values: readonly number[]
  }[]
}

/** Rows of cells, the first a name and the others numbers. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A page about a run or an experiment. */
export interface Page {
  readonly title: string
  /** Where, when and by which command. */
  readonly about: readonly string[]
  readonly charts: readonly (Curves | Intervals)[]
  readonly tables: readonly Table[]
  /** Texts as a model wrote them. */
  readonly texts: readonly { readonly title: string; readonly text: string }[]
  /** How to read the numbers. */
  readonly notes: readonly string[]
  /** Seconds after which an open page reloads itself; undefined when the run is finished. */
  readonly refresh?: number
}
