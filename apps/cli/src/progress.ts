import { Presets, SingleBar } from 'cli-progress'

/** How far a long piece of work has come. */
export interface ProgressBar {
  update(progress: { readonly loaded: number; readonly total: number }): void
  /** Ends the line of the bar. */
  stop(): void
}

/**
 * A bar on standard error; where that is no terminal, nothing, for a log wants lines and not a hundred of them.
 *
 * @param label what is being done, such as `loading`
 * @param format writes an amount of what the progress counts
 */
export const progressBar = (label: string, format: (amount: number) => string = formatBytes): ProgressBar => {
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% of {size}, {eta_formatted} left`,
      stream: process.stderr,
      // Ctrl-C must find the terminal as it was, and is the command's own business.
      hideCursor: null,
      linewrap: null,
      gracefulExit: false,
      clearOnComplete: true,
      stopOnComplete: false,
    },
    Presets.shades_classic,
  )
  let started = false
  return {
    update({ loaded, total }) {
      if (!process.stderr.isTTY) return
      if (!started) bar.start(total, 0, { size: format(total) })
      started = true
      bar.update(loaded)
    },
    stop() {
      if (started) bar.stop()
    },
  }
}

/** A size as people read it: `13.48 GB`, in powers of 1000. */
export const formatBytes = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toPrecision(4)} ${units[power]}`
}
