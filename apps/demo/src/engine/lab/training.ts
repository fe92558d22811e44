import { createMixture, tokenizeInMemory } from '@cria/data-mixture'
import { llama2 } from '@cria/llama2'
import { trainTokenizer } from '@cria/tokenizer'
import { initialiseWeights, train, warmupCosine } from '@cria/training'
import { Model } from 'cria'
import type { TrainingEvent, TrainingOptions } from '../types'
import { labDevice } from './device'

/** Tokens that the model sees at once, and rows of that many in a step. */
const context = 64
const rowsOfStep = 8

/** The model writes a sample after each of this many steps. */
const sampleEvery = 25

/** Pieces beside the characters: more for a longer text, as few words repeat in a short one. */
const merges = (text: string): number => Math.max(8, Math.min(400, Math.floor(text.length / 40)))

/** Unknown, start, end, and the 256 bytes. */
const basePieces = 259

/** Trains a tiny LLaMA 2 on a text, and tells how it goes. */
export async function* training(
  { text, steps, layers, dim, learningRate, seed }: TrainingOptions,
  signal: AbortSignal,
): AsyncGenerator<TrainingEvent, void, void> {
  const device = await labDevice()
  const tokenizer = await trainTokenizer(text.split('\n'), {
    vocabSize: basePieces + new Set(text).size + merges(text),
    characterCoverage: 1,
    signal,
  })
  const { training: tokens } = await tokenizeInMemory([text], tokenizer, 'your text', { signal })
  const data = createMixture([{ name: 'your text', share: 1, tokens }], { rowTokens: context, seed })
  const network = llama2(device, {
    dim,
    n_layers: layers,
    n_heads: 4,
    n_kv_heads: 2,
    vocab_size: tokenizer.vocabSize,
    multiple_of: 32,
    max_seq_len: context,
  })
  const model = new Model({
    ...{ network, tokenizer, config: network.config, format: 'trained here', defaults: {} },
    ...{ chatTemplates: new Map(), cacheType: undefined, ownsDevice: false },
  })
  try {
    initialiseWeights(network, seed)
    yield { kind: 'start', parameters: network.parameterCount, vocabulary: tokenizer.vocabSize, tokens: tokens.tokens }
    yield { kind: 'sample', step: 0, text: await sample(model, seed) }
    const schedule = warmupCosine({ learningRate, warmupSteps: Math.min(10, steps), steps })
    for await (const done of train(network, { data, schedule, batchTokens: context * rowsOfStep, steps, signal })) {
      const { step, loss, seconds } = done
      yield { kind: 'step', step, loss, learningRate: done.learningRate, tokensPerSecond: done.tokens / seconds }
      if (step % sampleEvery === 0 || step === steps) yield { kind: 'sample', step, text: await sample(model, seed) }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await model.dispose()
  }
}

const sample = (model: Model, seed: number): Promise<string> =>
  model.generate('', { maxTokens: context - 1, temperature: 0.6, seed }).text
