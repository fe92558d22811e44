import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors'
import { generationOptions } from './check'
import { batchOptions, samplerNames } from './table'

const all = { ...generationOptions, ...batchOptions }
const rows = Object.entries(all)
const flagOf = (name: string) => {
  const flag = rows.flatMap(([, { flags }]) => flags).find(flag => flag.name.startsWith(`${name} `))
  if (!flag) throw new Error(`no flag ${name}`)
  return flag
}
const parse = (name: string, ...texts: string[]) =>
  texts.reduce<unknown>((before, text) => flagOf(name).parse(text, before), undefined)

describe('every option', () => {
  test.each(rows)('%s accepts its default, and refuses what it cannot be', (_, option) => {
    if (option.default !== undefined) expect(option.accepts(option.default)).toBe(true)
    expect(option.default !== undefined || option.absent !== undefined).toBe(true)
    for (const value of [null, Number.NaN, {}, [[]], Symbol('x')])
      if (!(option === all.logitBias && value !== null)) expect(option.accepts(value), String(value)).toBe(false)
  })

  test('has flags of its own, named after it', () => {
    const names = rows.flatMap(([, { flags }]) => flags.map(({ name }) => name.split(' ')[0]))
    expect(new Set(names).size).toBe(names.length)
    const kebab = (name: string) => `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
    const singular: Record<string, string> = { noRepeatNgram: '--norepeat-ngram', dryBreakers: '--dry-breaker' }
    for (const [name, { flags }] of rows)
      if (flags.length > 0) expect(flags[0].name.split(' ')[0]).toBe(singular[name] ?? kebab(name))
    expect(names).toHaveLength(29)
  })
})

describe('flags', () => {
  test.each<[string, string[], unknown]>([
    ['--temperature', ['0'], 0],
    ['--top-k', ['40'], 40],
    ['--top-p', ['.95'], 0.95],
    ['--max-tokens', ['Infinity'], Infinity],
    ['--frequency-penalty', ['-0.5'], -0.5],
    ['--stop', ['END', 'a,b'], ['END', 'a,b']],
    ['--stop-regex', ['\\d+'], [/\d+/u]],
    ['--stop-ids', ['2,128009'], [2, 128009]],
    ['--banned-ids', ['0'], [0]],
    ['--logit-bias', ['3=1.5', '7=-Infinity', '3=2'], { 3: 2, 7: -Infinity }],
    ['--samplers', ['topK,temperature'], ['topK', 'temperature']],
    ['--dry-breaker', ['\n', ':'], ['\n', ':']],
    ['--draft', ['prompt'], 'prompt'],
    ['--n', ['8'], 8],
  ])('%s %j states %j', (name, texts, value) => {
    expect(parse(name, ...texts)).toEqual(value)
  })

  test.each([
    ['--temperature', 'warm'],
    ['--temperature', ''],
    ['--temperature', ' 1'],
    ['--temperature', '-1'],
    ['--temperature', 'NaN'],
    ['--top-k', '2.5'],
    ['--top-p', '1.1'],
    ['--max-tokens', '0'],
    ['--seed', '-1'],
    ['--stop', ''],
    ['--stop-regex', '('],
    ['--stop-ids', '2,'],
    ['--logit-bias', '3'],
    ['--logit-bias', '3=Infinity'],
    ['--logit-bias', '-1=2'],
    ['--samplers', 'topK,greedy'],
    ['--draft', ''],
    ['--n', '0'],
  ])('%s %j is refused, by the flag’s name', (name, text) => {
    expect(() => parse(name, text)).toThrow(OptionError)
    expect(() => parse(name, text)).toThrow(`option ${flagOf(name).name} is ${JSON.stringify(text)}: expected `)
  })

  test('what a flag states is what its option accepts', () => {
    for (const [name, text] of [
      ['--stop-regex', 'a|b'],
      ['--logit-bias', '1=2'],
      ['--samplers', samplerNames.join()],
    ]) {
      const [, option] = rows.find(([, { flags }]) =>
        flags.some(flag => flag.name.startsWith(`${name} `)),
      ) as (typeof rows)[0]
      expect(option.accepts(parse(name, text))).toBe(true)
    }
  })
})

/** The table of options as the README has it. */
const readmeTable = (): string[] => {
  const show = (value: unknown): string => (typeof value === 'number' ? String(value) : JSON.stringify(value))
  return rows.map(([name, option]) => {
    const preset = name === 'samplers' ? 'all, in the order of this table' : (option.absent ?? show(option.default))
    const flags = option.flags.map(({ name }) => `\`${name.replace('|', '\\|')}\``).join(' ')
    return `| \`${name}\` | ${preset.replaceAll('|', '\\|')} | ${option.description} | ${flags} |`
  })
}

test('the README’s table is this one', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const start = readme.indexOf('| option |')
  const rowsThere = readme.slice(start, readme.indexOf('\n\n', start)).split('\n').slice(2)
  expect(rowsThere).toEqual(readmeTable())
})
