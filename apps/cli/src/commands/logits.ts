import type { Command } from 'commander'
import { tokenIds } from '../arguments'
import { UsageError } from '../errors'
import { addModelOptions, checkModelFlags, type ModelFlags } from '../model'
import { write } from '../standard-streams'

interface Flags extends ModelFlags {
  readonly ids: readonly number[]
  readonly json?: true
}

/** `cria logits`: the logits of a model after given ids, to compare with other programs. It needs no tokenizer. */
export const addLogits = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('logits')
    .description('write the logits after token ids, to compare with other programs')
    .requiredOption('--ids <ids>', 'with commas between, BOS included: 1,403,407', tokenIds)
    .option('--json', 'write one JSON object; default: one logit in each line, in order of id')
  addModelOptions(command).action(async ({ ids, json, model, tokenizer, ...options }: Flags) => {
    checkModelFlags(options)
    if (tokenizer !== undefined) throw new UsageError('--tokenizer is not used here, where ids are given: leave it out')
    const { loadNetwork } = await import('cria')
    await using loaded = await loadNetwork(model, { ...options, signal })
    const { network } = loaded
    if (ids.length > network.maxSeqLen)
      throw new UsageError(`--ids are ${ids.length}, and the model's context is ${network.maxSeqLen}: give fewer`)
    using cache = network.createCache({ dtype: options.cache })
    using tensor = network.forward(ids, cache.sequence({ capacity: ids.length }))
    const logits = Array.from(await tensor.read())
    await write(json ? `${JSON.stringify({ ids, logits })}\n` : logits.map(logit => `${logit}\n`).join(''))
  })
}
