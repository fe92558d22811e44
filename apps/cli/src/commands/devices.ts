import type { Command } from 'commander'
import type { DeviceReport } from 'cria'
import { write } from '../standard-streams'
import { table } from '../table'
import { addTuneOptions, checkTuneFlags, type TuneFlags, tuneTable } from '../tune'

/** `cria devices`: the devices that can run models here, and why the others cannot. */
export const addDevices = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('devices')
    .description('list the devices that can run a model here, and why the others cannot')
  addTuneOptions(command).action(async (flags: TuneFlags) => {
    checkTuneFlags(flags)
    const { tune, weights } = flags
    if (tune !== undefined) {
      await write(await tuneTable(tune, weights, signal))
      return
    }
    const { listDevices, openDevice } = await import('cria')
    // The device `shape` computes only shapes and costs, and cannot run a model.
    const reports = (await listDevices()).filter(({ name }) => name !== 'shape')
    const rows = reports.map(report => [report.name, state(report), report.detail])
    await write(table([['DEVICE', 'RUNS', 'ON WHAT, OR WHY NOT'], ...rows]))
    await using automatic = await openDevice('auto')
    await write(`\nauto takes ${automatic.name}, the best that runs here on hardware of its own.\n`)
  })
}

const state = ({ available, software }: DeviceReport): string => {
  if (!available) return 'no'
  return software ? 'if named' : 'yes'
}
