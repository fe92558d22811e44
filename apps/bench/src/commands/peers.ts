import type { Command } from 'commander'
import { installPeers, packageFolder, peers, versionOf } from '../peers'

/** `bench peers`: installs what Cria is compared with. */
export const addPeers = (program: Command): void => {
  program
    .command('peers')
    .description('install the programs to compare with, in a folder of their own')
    .action(async () => {
      await installPeers()
      for (const [name, pkg] of Object.entries(peers))
        process.stdout.write(`${name}: ${pkg} ${await versionOf(pkg)} in ${packageFolder(pkg)}\n`)
    })
}
