import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTokenizerJson, trainTokenizer, writeTokenizerJson } from '@cria/tokenizer'
import { describe, expect, test } from 'vitest'
import { measure } from '../src/measure'
import { packageFolder, tokenizers } from '../src/peers'
import { textOf } from '../src/report/text'
import { agreementOf } from '../src/tokenizer/agreement'
import { nativeHuggingFace, nativeHuggingFaceVersion } from '../src/tokenizer/byte-level'
import { criaContender, openTokenizer, peerContenders, type TokenizerContender } from '../src/tokenizer/contenders'
import { decoding, type Entry, encoding, entryOf, nativeEntryOf, timeLines } from '../src/tokenizer/lines'
import { inFolder, nativeEncoder, nativeVersion } from '../src/tokenizer/native'
import { timeOneCall } from '../src/tokenizer/one-call'
import { cut, partOf, partsByRound } from '../src/tokenizer/parts'
import { tokenizerReport } from '../src/tokenizer/report'
import { dataPath, inOneCall, lineByLine, model, requireTexts, warmUp } from '../src/tokenizer/texts'
import { timeWorstCases } from '../src/tokenizer/worst-cases'

/** A tokenizer that tells what it was given. */
const recorder = (name: string, log: string[], takesLongText = true): TokenizerContender => ({
  name,
  description: 'd',
  takesLongText,
  encode: text => {
    log.push(`${name}:${text}`)
    return [text.length]
  },
  decode: ids => 'x'.repeat(ids[0]),
})

const quiet = () => {}

test("Cria's contender takes text to ids without BOS, and back", async () => {
  const tokenizer = await trainTokenizer(['the llama ate the grass'], { vocabSize: 274, characterCoverage: 1 })
  const { name, encode, decode } = criaContender(tokenizer)
  expect(name).toBe('Cria')
  expect(encode('the llama')).not.toContain(tokenizer.bosId)
  expect(decode(encode('the  llama 🦙'))).toBe('the  llama 🦙')
})

describe('texts', () => {
  test('that are timed have not been read before', () => {
    const all = [...warmUp, ...lineByLine, inOneCall]
    expect(new Set(all).size).toBe(all.length)
  })

  test('that are missing are named in one line, each once', () => {
    expect(() => requireTexts([])).not.toThrow()
    const message = `the tokenizer is timed on texts that are not here: ${dataPath('no/a')}, ${dataPath('no/b')}`
    expect(() => requireTexts(['no/a', 'no/b', 'no/a'])).toThrow(
      expect.objectContaining({ name: 'TextError', message }),
    )
  })

  test.each([
    [12, 5],
    [10, 6],
    [40, 39],
    [3, 1],
  ])('of %i lines are cut in %i parts: none empty, every line once and in order', (count, parts) => {
    const lines = Array.from({ length: count }, (_, i) => `${i}`)
    const found = cut(lines, parts)
    expect(found).toHaveLength(parts)
    expect(Math.min(...found.map(part => part.length))).toBeGreaterThan(0)
    expect(found.flat()).toEqual(lines)
  })

  test('are measured in bytes of UTF-8, with the ends of lines between', () => {
    expect(partOf('t', ['é', 'a']).megabytes).toBe(4e-6)
  })
})

describe('line by line', () => {
  const texts = [partOf('t', ['1', '22', '333', '4444']), partOf('u', ['5', '66'])]
  const rounds = [[partOf('w', ['w'])], ...partsByRound(texts, 2)]

  test('contenders take turns, other texts come first, and no line is timed twice', async () => {
    const log: string[] = []
    const entries = ['A', 'B'].map(name => entryOf(recorder(name, log), rounds))
    const [t, u] = await timeLines(entries, texts, 2, quiet)
    const timed = log.slice(0, 14)
    expect(timed.slice(0, 8)).toEqual(['A:w', 'B:w', 'A:1', 'A:22', 'A:5', 'B:1', 'B:22', 'B:5'])
    expect(timed.slice(8)).toEqual(['A:333', 'A:4444', 'A:66', 'B:333', 'B:4444', 'B:66'])
    expect(t).toMatchObject({ text: 't', lines: 4 })
    expect(u.contenders.map(({ name }) => name)).toEqual(['A', 'B'])
    expect(t.contenders[1].agreement).toEqual({ sameIds: 1, sameLength: 1 })
    expect(t.contenders[0].encode.times.samples).toEqual([1, 1])
  })

  test('rates are ratios round by round, and what is not timed is left out', async () => {
    const scripted = (name: string, samples: Record<string, number>[]): Entry => ({
      name,
      run: async () => samples.shift() ?? {},
      idsOf: async lines => lines.map(line => [line.length]),
    })
    const cria = [{}, { [encoding('t')]: 20, [decoding('t')]: 100 }, { [encoding('t')]: 30, [decoding('t')]: 90 }]
    const other = [{}, { [encoding('t')]: 5 }, { [encoding('t')]: 3 }]
    const [{ contenders }] = await timeLines(
      [scripted('Cria', cria), scripted('n', other)],
      texts.slice(0, 1),
      2,
      quiet,
    )
    expect(contenders[0].decode?.rate).toMatchObject({ unit: 'MB/s', median: 95, samples: [100, 90] })
    expect(contenders[1].encode.rate.samples).toEqual([5, 3])
    expect(contenders[1].encode.times).toMatchObject({ samples: [4, 10], median: 7 })
    expect(contenders[1].decode).toBeUndefined()
  })

  test('the time to start a native program is taken off, and it takes a text whole', async () => {
    const native = { name: 'n', startSeconds: async () => 1, seconds: async () => 3, idsOf: async () => [] }
    expect(await nativeEntryOf(native, [partOf('t', ['a'.repeat(2e6)])]).run()).toEqual({ [encoding('t')]: 1 })
  })

  test('a contender that fails is named', async () => {
    const failing = recorder('Them', [])
    const decode = () => {
      throw new RangeError('no such id')
    }
    const entry = entryOf({ ...failing, decode }, rounds)
    await expect(entry.run()).rejects.toMatchObject({ name: 'ContenderError', message: 'Them: RangeError: no such id' })
  })
})

test('in one call are those that can, each round with its own text', async () => {
  const log: string[] = []
  const all = [recorder('A', log), recorder('B', log, false), recorder('C', log)]
  const results = await timeOneCall(all, ['w', 'one', 'two'], quiet)
  expect(log).toEqual(['A:w', 'C:w', 'A:one', 'C:one', 'A:two', 'C:two'])
  expect(results.map(({ name, rate }) => [name, rate.samples.length])).toEqual([
    ['A', 2],
    ['C', 2],
  ])
})

test('worst cases take turns too, and are ratios to the first', async () => {
  const log: string[] = []
  const results = await timeWorstCases(recorder('A', log), { prose: 'p', letter: 'l' }, 1, quiet)
  expect(log.join(' ')).toBe(`${'A:p '.repeat(4)}${'A:l '.repeat(4)}`.repeat(2).trim())
  expect(results[0].times.samples).toEqual([1])
  expect(results[1].times.median).toBe(results[1].seconds.median / results[0].seconds.median)
})

test('agreement is a share of lines: of the same ids, and of as many', () => {
  expect(agreementOf([[1, 2], [3], [4], []], [[1, 2], [9], [4, 4], []])).toEqual({ sameIds: 0.5, sameLength: 0.75 })
  expect(agreementOf([Uint32Array.of(1, 2)], [[1, 2]])).toEqual({ sameIds: 1, sameLength: 1 })
})

describe('the report', () => {
  const speed = (...samples: number[]) => ({ rate: measure('MB/s', samples), times: measure('×', [20 / samples[0]]) })
  const agreement = { sameIds: 0.5, sameLength: 0.75 }
  const text = {
    text: 't',
    megabytes: 0.4,
    lines: 8,
    contenders: [
      { name: 'Cria', encode: speed(20), decode: speed(20), agreement: { sameIds: 1, sameLength: 1 } },
      { name: 'slow', encode: speed(2), decode: speed(8), agreement },
      { name: 'native', encode: speed(5), decode: undefined, agreement },
    ],
  }
  const where = {
    command: 'c',
    date: '2026-01-02',
    machine: { processor: 'P', cores: 2, memory: 1, system: 'S', node: 'v20' },
  }

  test('has rates, ratios and agreement, and the fastest other of each direction', () => {
    const found = tokenizerReport({ lines: [text] }, [])
    const printed = textOf({ ...found, ...where })
    expect(printed).toMatch(/^t +4\.00 \(4\.00–4\.00\) native +2\.50 \(2\.50–2\.50\) slow$/m)
    expect(printed).toMatch(/^slow +2\.00 \(2\.00–2\.00\) +10\.0 \(10\.0–10\.0\) .* 50\.0 % +75\.0 %$/m)
    expect(
      found.charts.map(({ title, bars }) => [title, ...bars.map(({ label, role }) => `${label} ${role}`)]),
    ).toEqual([
      ['Encoding t', 'Cria cria', 'slow peer', 'native peer'],
      ['Decoding t', 'Cria cria', 'slow peer'],
    ])
  })

  test('has how many times as fast Cria is as each other, with byte-level vocabularies', () => {
    const found = tokenizerReport({ byteLevel: [{ ...text, text: 'GPT-2: t' }] }, [])
    expect(found.tables[0].columns).toEqual(['', 'slow', 'native'])
    expect(found.tables[0].rows).toEqual([['GPT-2: t', '10.0 (10.0–10.0)', '4.00 (4.00–4.00)']])
    expect(found.tables).toHaveLength(2)
  })

  test('has only what was timed', () => {
    const training = [{ name: 'Cria', seconds: measure('s', [2]), times: measure('×', [1]) }]
    const found = tokenizerReport({ training }, [{ name: 'Cria', description: 'd' }])
    expect(found.tables).toEqual([expect.objectContaining({ rows: [['Cria', '2.00 s', '1.00']] })])
    expect(found.charts).toHaveLength(1)
    expect(found.data).toEqual({ training })
  })
})

const hasModel = existsSync(dataPath(model))
const lines = ['The llama ate  the grass.', '', 'Größe 12,345 🦙', '吾輩は猫である。']

test.skipIf(!hasModel || (await nativeVersion()) === undefined)(
  'spm_encode gives the ids that Cria gives',
  async () => {
    const { encode } = criaContender(await openTokenizer())
    expect(await nativeEncoder.idsOf(lines)).toEqual(lines.map(line => [...encode(line)]))
  },
)

const hasPeers = Object.values(tokenizers).every(name => existsSync(packageFolder(name)))

test.skipIf(!hasModel || !hasPeers)('the peers give the ids that Cria gives, and the text of them', async () => {
  const tokenizer = await openTokenizer()
  const cria = criaContender(tokenizer)
  for (const { name, encode, decode } of await peerContenders(tokenizer))
    for (const line of lines) {
      expect([...encode(line)], name).toEqual([...cria.encode(line)])
      expect(decode(encode(line)), name).toBe(line)
    }
})

test.skipIf((await nativeHuggingFaceVersion()) === undefined)(
  "Hugging Face's native tokenizers, in this machine's Python, are timed in turns and give the ids that Cria gives",
  () =>
    inFolder(async folder => {
      const trained = await trainTokenizer(['the llama ate the grass'], { vocabSize: 274, characterCoverage: 1 })
      const bytes = writeTokenizerJson(trained)
      const vocabulary = join(folder, 'tokenizer.json')
      writeFileSync(vocabulary, bytes)
      const text = partOf('t', lines)
      const rounds = [[partOf('w', ['warm'])], ...partsByRound([text], 2)]
      const native = await nativeHuggingFace({ vocabulary, rounds, folder })
      const cria = entryOf(criaContender(readTokenizerJson(bytes)), rounds)
      const [{ contenders }] = await timeLines([cria, native], [text], 2, quiet).finally(() => native.close())
      expect(contenders[1]).toMatchObject({ agreement: { sameIds: 1, sameLength: 1 } })
      expect(contenders[1].encode.rate.samples).toHaveLength(2)
      expect(contenders[1].decode?.rate.samples).toHaveLength(2)
    }),
)
