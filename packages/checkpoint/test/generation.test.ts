import { describe, expect, test } from 'vitest'
import {
  bytesFile,
  type GgufEntry,
  generationEntries,
  generationFiles,
  generationSettings,
  noGeneration,
  type OutputFile,
  openCheckpoint,
  outputBytes,
  vocabularyEntries,
  withGeneration,
  writeGgufFile,
} from '../src/index'
import { folder, sourceOf, sourcesOf, tensor } from './small-models'

const settingsOf = async (files: readonly OutputFile[]) =>
  generationSettings(await openCheckpoint(await sourcesOf(files)))

const config = (fields: Record<string, unknown>, beside: Record<string, unknown> = {}) => {
  const [, ...rest] = folder(beside)
  return settingsOf([
    bytesFile('config.json', new TextEncoder().encode(JSON.stringify({ model_type: 'none', ...fields }))),
    ...rest,
  ])
}

const tokens = ['<unk>', '<s>', '</s>', '<|im_end|>', '<|eot_id|>', 'word']
const entry = (key: string, value: number): GgufEntry => [`tokenizer.ggml.${key}`, { type: 'u32', value }]
const gguf = (...more: GgufEntry[]) =>
  settingsOf([
    writeGgufFile(
      'model.gguf',
      [
        ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
        ['tokenizer.ggml.tokens', { type: 'array', items: 'string', value: tokens }],
        ...more,
      ],
      [tensor('a', 1)],
    ),
  ])

describe('end tokens', () => {
  test('of config.json and generation_config.json are all taken, one or several', async () => {
    expect((await config({ eos_token_id: 2 })).eosIds).toEqual([2])
    expect((await config({ eos_token_id: [2, 401] })).eosIds).toEqual([2, 401])
    const both = await config({ eos_token_id: 2 }, { 'generation_config.json': { eos_token_id: [401, 2] } })
    expect(both.eosIds).toEqual([2, 401])
    expect((await config({ eos_token_id: null })).eosIds).toEqual([])
    expect((await config({ eos_token_id: -1 })).eosIds).toEqual([])
  })

  test('of tokenizer_config.json are found among the added tokens', async () => {
    const tokenizer = {
      eos_token: { content: '<|im_end|>' },
      added_tokens_decoder: { 5: { content: '<|im_end|>' }, 6: { content: '<|im_start|>' } },
    }
    expect((await config({}, { 'tokenizer_config.json': tokenizer })).eosIds).toEqual([5])
    const text = { ...tokenizer, eos_token: '<|im_start|>' }
    expect((await config({}, { 'tokenizer_config.json': text })).eosIds).toEqual([6])
    // Of an id of several digits all count, and what is no id, or says nothing of its text, is left alone.
    const added = { 128009: { content: '</s>' }, x1: { content: '</s>' }, '1x': { content: '</s>' }, 7: null, 8: {} }
    for (const eos_token of ['</s>', undefined, null, {}, 5]) {
      const { eosIds } = await config({}, { 'tokenizer_config.json': { eos_token, added_tokens_decoder: added } })
      expect(eosIds).toEqual(eos_token === '</s>' ? [128009] : [])
    }
    for (const decoder of [undefined, null, 'text', [{ content: 'x' }]])
      expect(
        (await config({}, { 'tokenizer_config.json': { eos_token: '</s>', added_tokens_decoder: decoder } })).eosIds,
      ).toEqual([])
  })

  test('of GGUF are eos, eot, eom, and control tokens with the known texts', async () => {
    expect((await gguf(entry('eos_token_id', 2), entry('eot_token_id', 5), entry('eom_token_id', 0))).eosIds).toEqual([
      2, 5, 0,
    ])
    const types: GgufEntry = [
      'tokenizer.ggml.token_type',
      { type: 'array', items: 'i32', value: Int32Array.of(2, 3, 3, 3, 1, 1) },
    ]
    // <|eot_id|> is an ordinary piece here.
    expect((await gguf(entry('eos_token_id', 2), types)).eosIds).toEqual([2, 3])
    // Without types no text is known to be a control token.
    expect((await gguf(entry('eos_token_id', 2))).eosIds).toEqual([2])
  })

  test.each([['two'], [[1, 'x']], [2.5], [{}], [Array.from({ length: 2000 }, (_, i) => i)]])(
    'that are not ids are refused, and the error names the field: %j',
    async eos_token_id => {
      await expect(config({ eos_token_id })).rejects.toThrow(/eos_token_id: is /)
    },
  )
})

test('BOS, and whether it begins a prompt', async () => {
  const tokenizer = { add_bos_token: false }
  expect(await config({ bos_token_id: 1 }, { 'tokenizer_config.json': tokenizer })).toMatchObject({
    bosId: 1,
    addBos: false,
  })
  expect((await config({})).addBos).toBeUndefined()
  const flag: GgufEntry = ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }]
  expect(await gguf(entry('bos_token_id', 1), flag)).toMatchObject({ bosId: 1, addBos: false })
})

describe('sampling', () => {
  const generation = { do_sample: true, temperature: 0.6, top_p: 0.9, top_k: 40, min_p: 0.1, repetition_penalty: 1.1 }
  const expected = { doSample: true, temperature: 0.6, topP: 0.9, topK: 40, minP: 0.1, repetitionPenalty: 1.1 }

  test('of generation_config.json', async () => {
    expect((await config({}, { 'generation_config.json': generation })).sampling).toEqual(expected)
  })

  test.each([
    { temperature: 0 },
    { top_p: 0 },
    { top_p: 1 },
    { repetition_penalty: 0.01 },
    { repetition_penalty: 100 },
  ])('%j is within the limits', async wanted => {
    const { sampling } = await config({}, { 'generation_config.json': wanted })
    expect(Object.values(sampling)).toEqual(Object.values(wanted))
  })

  test('an infinite temperature in GGUF is refused', async () => {
    const hot: GgufEntry = ['general.sampling.temp', { type: 'f32', value: Infinity }]
    await expect(gguf(hot)).rejects.toThrow(/general.sampling.temp: is Infinity, expected a number of at least 0/)
  })

  test('of GGUF', async () => {
    const settings = await config({}, { 'generation_config.json': generation })
    const { doSample: _, ...rest } = expected
    expect((await gguf(...generationEntries(settings))).sampling).toEqual(rest)
  })

  test.each([
    [{ temperature: 'hot' }, /^generation_config.json: temperature: is "hot", expected a number/],
    [{ temperature: -1 }, /temperature: is -1, expected a number of at least 0/],
    [{ top_p: 1.5 }, /top_p: is 1.5, expected a number from 0 to 1/],
    [{ top_k: 0.5 }, /top_k: is 0.5, expected a whole number/],
    [{ repetition_penalty: 0 }, /repetition_penalty: is 0/],
    [{ do_sample: 1 }, /do_sample: is 1, expected a boolean/],
    [{ top_p: -0.1 }, /top_p: is -0.1, expected a number from 0 to 1/],
    [{ repetition_penalty: 101 }, /repetition_penalty: is 101, expected a number from 0.01 to 100/],
  ])('%j is refused, and the error names the field', async (wrong, error) => {
    await expect(config({}, { 'generation_config.json': wrong })).rejects.toThrow(error)
  })
})

describe('chat templates', () => {
  test('come from tokenizer_config.json, and chat_template.jinja counts first', async () => {
    const tokenizer = { chat_template: 'from the config' }
    const one = await config({}, { 'tokenizer_config.json': tokenizer })
    expect([...one.chatTemplates]).toEqual([['default', 'from the config']])
    const several = {
      chat_template: [
        { name: 'default', template: 'a' },
        { name: 'tool_use', template: 'b' },
      ],
    }
    const named = await config({}, { 'tokenizer_config.json': several })
    expect([...named.chatTemplates]).toEqual([
      ['default', 'a'],
      ['tool_use', 'b'],
    ])
    const file = bytesFile('chat_template.jinja', new TextEncoder().encode('from the file'))
    const jinja = await settingsOf([...folder({ 'tokenizer_config.json': tokenizer }), file])
    expect([...jinja.chatTemplates]).toEqual([['default', 'from the file']])
  })

  test('come from GGUF, the named ones too', async () => {
    const text = (key: string, value: string): GgufEntry => [key, { type: 'string', value }]
    const settings = await gguf(text('tokenizer.chat_template', 'a'), text('tokenizer.chat_template.tool_use', 'b'))
    expect([...settings.chatTemplates]).toEqual([
      ['default', 'a'],
      ['tool_use', 'b'],
    ])
  })

  test('of megabytes are refused', async () => {
    const tokenizer = { chat_template: 'x'.repeat(2_000_000) }
    await expect(config({}, { 'tokenizer_config.json': tokenizer })).rejects.toThrow(/has 2000000 characters/)
    const file = bytesFile('chat_template.jinja', new Uint8Array(2_000_000))
    await expect(settingsOf([...folder(), file])).rejects.toThrow(/chat_template.jinja: has 2000000 bytes/)
    const bad = bytesFile('chat_template.jinja', Uint8Array.of(0xff))
    await expect(settingsOf([...folder(), bad])).rejects.toThrow(/chat_template.jinja: is not UTF-8/)
  })
})

const settings = {
  ...{ bosId: 1, addBos: true, eosIds: [2, 5], padId: 0, sampling: { temperature: 0.5, topK: 9 } },
  chatTemplates: new Map([
    ['default', 'a'],
    ['tool_use', 'b'],
  ]),
}
const vocabulary = {
  ...{ kind: 'gguf' as const, model: 'llama', tokens, scores: undefined, types: undefined, addSpacePrefix: true },
  ...{ bosId: undefined, eosId: undefined, unkId: 0, padId: undefined, chatTemplate: undefined },
}

test('settings survive a Hugging Face folder and a GGUF file', async () => {
  const { config: fields, files } = generationFiles(settings)
  const [, ...rest] = folder()
  const json = bytesFile('config.json', new TextEncoder().encode(JSON.stringify({ model_type: 'none', ...fields })))
  expect(await settingsOf([json, ...rest, ...files])).toEqual(settings)
  const entries = [...generationEntries(settings), ...vocabularyEntries(withGeneration(vocabulary, settings, 'model'))]
  expect(await settingsOf([writeGgufFile('model.gguf', entries, [tensor('a', 1)])])).toEqual(settings)
})

test('a Hugging Face folder has its usual files and fields', async () => {
  const text = async (file: OutputFile) => new TextDecoder().decode(await outputBytes(file))
  const one = generationFiles({ ...settings, eosIds: [2], sampling: { doSample: true, topK: 9 } })
  const config = { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 }
  expect(one.config).toEqual(config)
  expect(one.files.map(({ name }) => name)).toEqual([
    'generation_config.json',
    'tokenizer_config.json',
    'chat_template.jinja',
  ])
  expect(JSON.parse(await text(one.files[0]))).toEqual({ ...config, do_sample: true, top_k: 9 })
  expect(JSON.parse(await text(one.files[1]))).toEqual({
    add_bos_token: true,
    chat_template: [{ name: 'tool_use', template: 'b' }],
  })
  expect(await text(one.files[2])).toBe('a')
  expect(generationFiles(noGeneration)).toEqual({ config: {}, files: [] })
})

test('more end tokens than GGUF has keys for are refused, unless readers know them by their text', () => {
  const withEnds = (eosIds: number[]) => withGeneration(vocabulary, { ...settings, eosIds }, 'model')
  expect(withEnds([2, 5, 3, 4])).toMatchObject({ eosId: 2, eotId: 5 })
  expect(() => withEnds([2, 5, 0, 1])).toThrow(/eos_token_id: has 4 ids, but GGUF has keys for three/)
})

test('files beside a tokenizer are handed out with it', async () => {
  const added = { '<|im_end|>': 3 }
  const files = [...folder({ 'added_tokens.json': added, 'tokenizer_config.json': { add_bos_token: true } })]
  const model = bytesFile('tokenizer.model', Uint8Array.of(1, 2, 3))
  const { vocabulary } = await openCheckpoint(await sourcesOf([...files, model]))
  expect(vocabulary).toMatchObject({
    kind: 'file',
    companions: { addedTokens: added, tokenizerConfig: { add_bos_token: true }, specialTokensMap: undefined },
  })
  const without = await openCheckpoint(await sourcesOf([...files, model]), { vocabulary: false })
  expect(without.vocabulary).toBeUndefined()
  expect((await sourceOf(model)).name).toBe('tokenizer.model')
})
