import { expect, test } from 'vitest'
import { checkTrainingConfig, TrainingConfigError } from '.'
import { differences } from './rules'

const good = {
  model: { dim: 32, n_layers: 2, n_heads: 4, max_seq_len: 64 },
  tokenizer: 'tokenizer.model',
  data: { sources: [] },
  training: { tokens: 1e6, batchTokens: 512, learningRate: 1e-3 },
  checkpoints: { every: 10, keep: 2 },
  output: 'run',
}
const { model: _, tokenizer: __, ...rest } = good

test('a config with all that is needed', () => {
  expect(checkTrainingConfig(good)).toBe(good)
  const full = {
    ...rest,
    from: 'model.gguf',
    lora: { rank: 4 },
    evaluation: { every: 5, texts: ['a.txt'] },
    samples: { every: 5, prompts: [''], maxTokens: 10 },
  }
  expect(checkTrainingConfig(full)).toBe(full)
})

test.each<[string, unknown, string]>([
  ['no object', [], 'config: is [], expected an object'],
  ['an unknown key', { ...good, lr: 1 }, 'config.lr: is not a key of a training config; config has model, tokenizer'],
  ['an unknown key within', { ...good, model: { ...good.model, heads: 2 } }, 'config.model.heads: is not a key'],
  ['a missing key', { ...good, output: undefined }, 'config.output: is missing: give a text'],
  ['a missing object', { ...good, training: undefined }, 'config.training: is missing: give an object'],
  ['a missing key within', { ...good, checkpoints: { every: 1 } }, 'config.checkpoints.keep: is missing'],
  [
    'a text for a number',
    { ...good, training: { ...good.training, learningRate: '1e-3' } },
    'is "1e-3", expected a number',
  ],
  ['half a layer', { ...good, model: { ...good.model, n_layers: 1.5 } }, 'config.model.n_layers: is 1.5'],
  ['NaN', { ...good, training: { ...good.training, learningRate: Number.NaN } }, 'config.training.learningRate'],
  ['a model without a tokenizer', { ...rest, model: good.model }, 'config.tokenizer: is missing'],
  ['neither a model nor sizes', rest, 'config.model: is missing'],
  ['both', { ...good, from: 'm' }, 'config.model: describes a new model'],
  ['LoRA of a new model', { ...good, lora: { rank: 1 } }, 'config.lora'],
  ['a key of every object', JSON.parse('{"__proto__": 1}'), 'config.__proto__'],
])('%s is refused', (_, config, message) => {
  expect(() => checkTrainingConfig(config)).toThrow(TrainingConfigError)
  expect(() => checkTrainingConfig(config)).toThrow(message)
})

test('differences of two configs are named', () => {
  expect(differences(good, structuredClone(good))).toEqual([])
  const other = {
    ...good,
    training: { ...good.training, learningRate: 2e-3 },
    data: { sources: ['a'] },
    lora: { rank: 2 },
  }
  expect(differences(good, other)).toEqual([
    'config.data.sources was [] and is ["a"]',
    'config.training.learningRate was 0.001 and is 0.002',
    'config.lora was undefined and is {"rank":2}',
  ])
})
