import { Command } from 'commander'
import { description } from '../package.json'
import { addGpu } from './commands/gpu'
import { addInference } from './commands/inference'
import { addLoad } from './commands/load'
import { addNorms } from './commands/norms'
import { addOps } from './commands/ops'
import { addPeers } from './commands/peers'
import { addTokenizer } from './commands/tokenizer'
import { addTraining } from './commands/training'

/** The command line of `bench`. Each command has its own file in `commands/`. */
export const createProgram = (): Command => {
  const program = new Command('bench')
    .description(description)
    .configureOutput({ outputError: () => {} })
    .exitOverride()
  for (const add of [addInference, addGpu, addOps, addNorms, addLoad, addTokenizer, addTraining, addPeers]) add(program)
  return program
}
