import type { Cost } from '@cria/tensor'
import type { CeilingSample } from '../ceilings/measure'
import type { Sample } from '../job'
import { type Measure, measure } from '../measure'
import { caseTitle } from './case'

/** One op on one device. */
export interface OpResult {
  readonly title: string
  readonly cost: Cost
  readonly seconds: Measure
  /** Operations and bytes a second, of the middle time. */
  readonly flopsPerSecond: number
  readonly bytesPerSecond: number
  /** Of the time that the ceilings would allow at best, how much was reached: 1 is the limit (Williams et al. 2009, the roofline). */
  readonly share: Measure
}

export interface DeviceResult {
  readonly device: string
  readonly description: string
  readonly ops: readonly OpResult[]
}

/** Seconds that a cost takes at least: its operations at the f32 rate, or its bytes at the read rate, whichever is more. */
export const leastSeconds = ({ flops, bytes }: Cost, { f32, read }: CeilingSample): number =>
  Math.max(flops / f32, bytes / read)

/** @param samples seconds by title, and @param ceilings, of the same rounds */
export const resultOf = (
  device: string,
  description: string,
  samples: readonly Sample[],
  ceilings: readonly CeilingSample[],
  costs: ReadonlyMap<string, Cost>,
): DeviceResult => ({
  device,
  description,
  ops: Object.keys(samples[0]).map(title => {
    const cost = costs.get(caseTitle(title))
    if (!cost) throw new RangeError(`no cost is known of "${title}"`)
    const seconds = measure(
      's',
      samples.map(sample => sample[title]),
    )
    const share = seconds.samples.map((value, round) => leastSeconds(cost, ceilings[round]) / value)
    return {
      title,
      cost,
      seconds,
      flopsPerSecond: cost.flops / seconds.median,
      bytesPerSecond: cost.bytes / seconds.median,
      share: measure('of 1', share),
    }
  }),
})
