import { existsSync } from 'node:fs'
import type { VariantSizes } from '@cria/training/experiments'
import { expect, test } from 'vitest'
import { prepare as cria } from '../src/jobs/training'
import { prepare as jaxJs } from '../src/jobs/training-jax-js'
import { prepare as tfjs } from '../src/jobs/training-tfjs'
import { packageFolder, trainers } from '../src/peers'

// Peers in JavaScript train the model that Cria trains: from the same weights, on the same rows, the losses are the same.

const size: VariantSizes = {
  ...{ dim: 48, n_layers: 2, n_heads: 6, n_kv_heads: 3, hidden_dim: 64 },
  ...{ vocab_size: 96, max_seq_len: 20 },
}
const options = { threads: 2, size, rows: 3 }
const steps = 8

/** Cria does its first step while it is prepared, so its losses begin with that of the second. */
const criaLosses = async (): Promise<number[]> => {
  const job = await cria({ ...options, device: 'cpu' })
  const losses: number[] = []
  for (let step = 2; step <= steps; step++) losses.push((await job.run()).loss)
  await job.close()
  return losses
}

const peers = [
  ['tfjs', tfjs],
  ['jax-js', jaxJs],
] as const

for (const [name, prepare] of peers)
  test.skipIf(!existsSync(packageFolder(trainers[name])))(`the losses of ${name} are those of Cria`, async () => {
    const job = await prepare(options)
    expect(job.description).toContain(name)
    const losses: number[] = []
    for (let step = 1; step <= steps; step++) losses.push((await job.run()).loss)
    await job.close()
    expect(losses[0]).toBeCloseTo(Math.log(size.vocab_size), 1)
    for (const [i, expected] of (await criaLosses()).entries())
      expect(Math.abs(losses[i + 1] / expected - 1), `loss of step ${i + 2}`).toBeLessThan(1e-4)
  })
