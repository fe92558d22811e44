import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  type ModelConfig,
  memoryCheckpoint,
  memorySource,
  openCheckpoint,
  outputBytes,
  weightsOf,
  writeHuggingFace,
} from '../src/index'
import { randomWeights } from './random-weights.mjs'
import { referenceLogits } from './reference-llama'

interface Case {
  readonly name: string
  readonly config: ModelConfig
  readonly ids: readonly number[]
  /** By transformers, from the folder that we wrote: see tooling/referee/checkpoint. */
  readonly logits: readonly number[]
}

const cases: Case[] = readFileSync(new URL('fixtures/transformers-logits.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line))

const weightsFor = (config: ModelConfig) =>
  new Map([...weightsOf(config)].map(({ meta, shape }, t) => [meta, randomWeights(t, shape)] as const))

test.each(cases)('transformers finds in our folder the model that we wrote: $name', ({ config, ids, logits }) => {
  const ours = referenceLogits(config, weightsFor(config), ids)
  const largest = Math.max(...logits.map(Math.abs))
  const worst = Math.max(...logits.map((logit, i) => Math.abs(ours[i] - logit)))
  expect(worst).toBeLessThan(1e-6 * largest)
})

test.each(cases)('our folder reads back as the config and weights that were written: $name', async ({ config }) => {
  const weights = weightsFor(config)
  const files = writeHuggingFace(memoryCheckpoint(config, weights))
  const opened = await openCheckpoint(
    await Promise.all(files.map(async file => memorySource(await outputBytes(file), file.name))),
  )
  expect(opened.config).toEqual(config)
  for (const [name, array] of weights) expect((await opened.read(name)).data, name).toEqual(array)
})
