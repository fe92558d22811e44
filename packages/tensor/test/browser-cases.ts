import type { DeviceName } from '../src/device'
import { openDevice } from '../src/devices/registry'
import { type Outcome, runCases } from './cases/check'

/** Runs every case on a device of the page. */
export default async ({ device: name, seed }: { device: DeviceName; seed: number }): Promise<readonly Outcome[]> => {
  await using device = await openDevice(name)
  // Awaited here: the device closes as this function returns.
  return await runCases(device, seed)
}
