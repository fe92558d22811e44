import type { ProfileRow } from '@cria/tensor'
import { table } from './table'

/** Writes time and share by op and implementation to standard error, the most expensive first. */
export const writeProfile = (rows: readonly ProfileRow[]): void => {
  const cells = rows.map(({ op, implementation, calls, milliseconds, share, flops, bytes }) => [
    op,
    implementation,
    String(calls),
    milliseconds.toFixed(1),
    `${(100 * share).toFixed(1)}%`,
    perSecond(flops, milliseconds),
    perSecond(bytes, milliseconds),
  ])
  const head = ['OP', 'IMPLEMENTATION', 'CALLS', 'MS', 'SHARE', 'GFLOP/S', 'GB/S']
  process.stderr.write(table([head, ...cells]))
}

/** Billions a second. */
const perSecond = (amount: number, milliseconds: number): string =>
  milliseconds > 0 ? (amount / milliseconds / 1e6).toFixed(2) : '-'
