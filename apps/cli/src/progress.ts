import { Presets, SingleBar } from 'cli-progress'

/** Progress of long work. */
export interface ProgressBar {
  update(progress: { readonly loaded: number; readonly total: number }): void
  /** Ends the line of the bar. */
  stop(): void
}

/**
 * A progress bar on standard error. If that is not a terminal, it writes nothing, to keep logs short.
 *
 * @param label what is being done, such as `loading`
 * @param format writes an amount of what the progress counts
 */
export const progressBar = (label: string, format: (amount: number) => string = formatBytes): ProgressBar => {
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% of {size}, {eta_formatted} left`,
      stream: process.stderr,
      // The bar must not change the terminal or handle Ctrl-C: the command does that.
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
