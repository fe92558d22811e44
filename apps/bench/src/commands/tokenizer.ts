import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import { tokenizerBench } from '../folders'

/** `bench tokenizer`: hands over to the tokenizer's own benchmark, with all arguments. */
export const addTokenizer = (program: Command): void => {
  program
    .command('tokenizer')
    .description('time the tokenizer beside others; the options are those of apps/tokenizer-bench')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_flags: unknown, { args }: Command) => {
      const child = spawn(process.execPath, [tokenizerBench, ...args], { stdio: 'inherit' })
      const [code] = await once(child, 'exit')
      process.exitCode = code ?? 1
    })
}
