import { readFileSync } from 'node:fs'
import { memorySource, outputBytes } from '@cria/checkpoint'
import { expect, test } from 'vitest'
import { llamaWeights, memoryLlama, writeHuggingFace } from '../../src/checkpoint'
import { type LlamaConfig, resolveConfig } from '../../src/config'
import { randomWeights } from './random-weights.mjs'
import { referenceLogits } from './reference-llama'
import { openSources } from './stories'

interface Case {
  readonly name: string
  readonly config: LlamaConfig
  readonly ids: readonly number[]
  /** By transformers, from the folder that we wrote: see tooling/referee/checkpoint. */
  readonly logits: readonly number[]
}

const cases: Case[] = readFileSync(new URL('fixtures/transformers-logits.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line))

const weightsOf = (config: LlamaConfig) => llamaWeights(resolveConfig(config))

const weightsFor = (config: LlamaConfig) =>
  new Map([...weightsOf(config)].map(({ path, shape }, t) => [path, randomWeights(t, shape)] as const))

test.each(cases)('transformers finds in our folder the model that we wrote: $name', ({ config, ids, logits }) => {
  const ours = referenceLogits(resolveConfig(config), weightsFor(config), ids)
  const largest = Math.max(...logits.map(Math.abs))
  const worst = Math.max(...logits.map((logit, i) => Math.abs(ours[i] - logit)))
  expect(worst).toBeLessThan(1e-6 * largest)
})

test.each(cases)('our folder reads back as the config and weights that were written: $name', async ({ config }) => {
  const weights = weightsFor(config)
  const files = writeHuggingFace(memoryLlama(config, weights))
  const opened = await openSources(
    await Promise.all(files.map(async file => memorySource(await outputBytes(file), file.name))),
  )
  expect(opened.config).toEqual(resolveConfig(config))
  for (const [name, array] of weights) expect((await opened.read(name)).data, name).toEqual(array)
})
