import { Command } from 'commander'
import { description, version } from '../package.json'
import { addChat } from './commands/chat'
import { addConvert } from './commands/convert'
import { addDevices } from './commands/devices'
import { addEvaluate } from './commands/evaluate'
import { addExperiment } from './commands/experiment'
import { addGenerate } from './commands/generate'
import { addInspect } from './commands/inspect'
import { addLogits } from './commands/logits'
import { addMixture } from './commands/mixture'
import { addPerplexity } from './commands/perplexity'
import { addTokenize } from './commands/tokenize'
import { addTrain } from './commands/train'
import { addTrainTokenizer } from './commands/train-tokenizer'

/** The command line of `cria`. Each command has its own file in `commands/`. */
export const createProgram = (signal: AbortSignal): Command => {
  const program = new Command('cria')
    .description(description)
    .version(version)
    .option('--debug', 'show where an error comes from')
    .configureHelp({ showGlobalOptions: true })
    // Errors are told once, by `run`.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
  addGenerate(program, signal)
  addChat(program, signal)
  addDevices(program, signal)
  addInspect(program, signal)
  addConvert(program, signal)
  addLogits(program, signal)
  addPerplexity(program, signal)
  addEvaluate(program, signal)
  addMixture(program, signal)
  addTokenize(program, signal)
  addTrain(program, signal)
  addExperiment(program, signal)
  addTrainTokenizer(program, signal)
  return program
}
