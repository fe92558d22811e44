import type { DeviceName } from '../src/device'
import { openDevice } from '../src/devices/registry'
import { type Outcome, runCases } from './cases/check'
import { runQuantised } from './cases/quantised'

/** Runs every case on a device of the page, those of its other types of weights too. */
export default async ({ device: name, seed }: { device: DeviceName; seed: number }) => {
  await using device = await openDevice(name)
  const outcomes: Outcome[] = await runCases(device, seed)
  return { on: device.description, outcomes, quantised: await runQuantised(device, seed) }
}
