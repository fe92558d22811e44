import type { Command } from 'commander'
import { tokenIds } from '../arguments'
import { UsageError } from '../errors'
import { addModelOptions, type ModelFlags, withModel } from '../model'
import { write } from '../standard-streams'

interface Flags extends ModelFlags {
  readonly ids: readonly number[]
  readonly json?: true
}

/** `cria logits`: what a model makes of given ids, to compare with other programs. */
export const addLogits = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('logits')
    .description('write the logits that follow token ids, to compare with other programs')
    .requiredOption('--ids <ids>', 'with commas between, BOS and all: 1,403,407', tokenIds)
    .option('--json', 'write one JSON object; else a logit a line, in order of id')
  addModelOptions(command).action(({ ids, json, ...flags }: Flags) =>
    withModel(flags, signal, async model => {
      if (ids.length > model.maxSeqLen) {
        throw new UsageError(`--ids are ${ids.length}, and the model's context is ${model.maxSeqLen}: give fewer`)
      }
      using cache = model.createCache({ capacity: ids.length })
      using tensor = model.forward(ids, cache)
      const logits = Array.from(await tensor.read())
      await write(json ? `${JSON.stringify({ ids, logits })}\n` : logits.map(logit => `${logit}\n`).join(''))
    }),
  )
}
