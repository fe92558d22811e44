import type { Summary } from '../statistics'

/** Three significant digits, grouped: `1,620`, `27.4`, `0.0123`. */
export const number = (value: number): string =>
  Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString('en-US')
    : value.toLocaleString('en-US', { minimumSignificantDigits: 3, maximumSignificantDigits: 3 })

/** The median, and the least and the largest value: `27.4 (26.8–27.9)`. */
export const spread = ({ median, min, max }: Summary): string => `${number(median)} (${number(min)}–${number(max)})`

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

const prefixes = ['', 'k', 'M', 'G', 'T']

/** A count of a unit in powers of 1000: `1.17 GB`, `42.1 GB/s`, `6.50 Gop/s`. */
export const quantity = (count: number, unit: string): string => {
  const power = Math.max(0, Math.min(prefixes.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3)))
  return `${number(count / 1000 ** power)} ${prefixes[power]}${unit}`
}

/** Seconds in the unit that fits: `1.25 s`, `83.0 ms`, `4.10 µs`. */
export const seconds = (value: number): string => {
  if (value >= 1) return `${number(value)} s`
  return value >= 1e-3 ? `${number(value * 1e3)} ms` : `${number(value * 1e6)} µs`
}

/** `1 thread`, `2 threads`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
