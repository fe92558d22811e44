import type { Command } from 'commander'
import type { DeviceReport } from 'cria'
import { write } from '../standard-streams'
import { table } from '../table'

/** `cria devices`: what can run models here, on what, and why the rest cannot. */
export const addDevices = (program: Command): void => {
  program
    .command('devices')
    .description('list the devices that can run a model here, and why the others cannot')
    .action(async () => {
      const { listDevices, openDevice } = await import('cria')
      // The device `shape` knows shapes and costs alone, and runs no model.
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
