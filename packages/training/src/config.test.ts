import { expect, test } from 'vitest'
import { checkTrainingConfig, stepsOf, TrainingConfigError, warmupOf } from '.'
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

const whole = (least: number) => `a whole number of at least ${least}`
const edges: readonly [path: string, expected: string, good: readonly unknown[], wrong: readonly unknown[]][] = [
  ['model.dim', whole(1), [1], [0, 1.5, '1', null, 2 ** 53]],
  ['model.norm_eps', 'a number above 0', [1e-9], [0, -1, Infinity]],
  ['model.tied_output', 'true or false', [true, false], [1, 'true']],
  ['tokenizer', 'a text that is not empty', ['a'], ['', 3, ['a']]],
  ['data', 'an object', [{}], [[], null, 'a.json']],
  ['training.passTokens', whole(1), [1], [0]],
  ['training.learningRate', 'a number above 0', [1e-9], [0, -1]],
  ['training.warmupSteps', whole(0), [0], [-1, 0.5]],
  ['training.finalShare', 'a number from 0 to 1', [0, 1], [-0.1, 1.1]],
  ['training.beta1', 'a number from 0 to below 1', [0, 0.999], [-0.1, 1]],
  ['training.beta2', 'a number from 0 to below 1', [0, 0.999], [-0.1, 1]],
  ['training.eps', 'a number above 0', [1e-12], [0]],
  ['training.weightDecay', 'a number of at least 0', [0, 2], [-1e-9]],
  ['training.clip', 'a number above 0', [1e-9], [0]],
  ['training.seed', whole(0), [0], [-1]],
  ['evaluation.texts', 'a list of texts', [[], ['a', '']], ['a', [1], ['a', null]]],
  ['evaluation.documents', whole(1), [1], [0]],
  ['samples.maxTokens', whole(1), [1], [0]],
  ['samples.temperature', 'a number of at least 0', [0], [-0.1]],
  ['samples.topP', 'a number above 0 and at most 1', [1e-9, 1], [0, 1.1]],
  ['checkpoints.every', whole(1), [1], [0]],
  ['checkpoints.keep', whole(1), [1], [0]],
]
const parts = { evaluation: { every: 5, texts: ['a.txt'] }, samples: { every: 5, prompts: [''], maxTokens: 10 } }
const withValue = (path: string, value: unknown) => {
  const config: Record<string, unknown> = structuredClone({ ...good, ...parts })
  const [key, within] = path.split('.')
  return { ...config, [key]: within === undefined ? value : { ...(config[key] as object), [within]: value } }
}

test.each(edges)('%s is %s', (path, expected, right, wrong) => {
  for (const value of right) expect(() => checkTrainingConfig(withValue(path, value))).not.toThrow()
  for (const value of wrong)
    expect(() => checkTrainingConfig(withValue(path, value))).toThrow(
      `config.${path}: is ${JSON.stringify(value)}, expected ${expected}`,
    )
})

test('a long value is shown by its beginning', () => {
  expect(() => checkTrainingConfig({ ...good, output: Array(90).fill(1) })).toThrow(
    // 60 characters of it.
    `config.output: is [${'1,'.repeat(29)}1…, expected a text that is not empty`,
  )
})

test.each([
  [{ tokens: 1000, batchTokens: 500 }, 2, 1],
  [{ tokens: 1001, batchTokens: 100 }, 11, 2],
  [{ tokens: 19_990, batchTokens: 1 }, 19_990, 1999],
  [{ tokens: 20_010, batchTokens: 1 }, 20_010, 2000],
  [{ tokens: 1000, batchTokens: 10, warmupSteps: 0 }, 100, 0],
  [{ tokens: 1000, batchTokens: 10, warmupSteps: 90 }, 100, 90],
])('%j: %i steps, %i of warm-up', (settings, steps, warmup) => {
  expect(stepsOf({ ...settings, learningRate: 1 })).toBe(steps)
  expect(warmupOf({ ...settings, learningRate: 1 })).toBe(warmup)
})

test('differences within lists are named, and lists of other lengths are shown whole', () => {
  expect(differences([1, { a: 2 }], [1, { a: 3 }])).toEqual(['config[1].a was 2 and is 3'])
  expect(differences([1], [1, 2], 'data')).toEqual(['data was [1] and is [1,2]'])
  expect(differences({ a: null }, { a: {} })).toEqual(['config.a was null and is {}'])
  expect(differences({ a: 1 }, {})).toEqual(['config.a was 1 and is undefined'])
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
