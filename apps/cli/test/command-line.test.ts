import { describe, expect, test } from 'vitest'
import { cria } from './cria'

describe('a wrong command line gives one line and exit code 2', () => {
  test.each<[string, string[], string]>([
    [
      'a limit below 1',
      ['generate', '--model', 'm', '--max-tokens', '-1'],
      '--max-tokens <n> is "-1": expected a whole number',
    ],
    ['a word for a number', ['generate', '--model', 'm', '--temperature', 'x'], '--temperature <x> is "x"'],
    ['nothing for a number', ['generate', '--model', 'm', '--top-p', ''], '--top-p <x> is ""'],
    [
      'a temperature below 0',
      ['generate', '--model', 'm', '--temperature', '-1'],
      '--temperature <x> is "-1": expected',
    ],
    ['a fraction for a count', ['generate', '--model', 'm', '--top-k', '2.5'], '--top-k <n> is "2.5"'],
    [
      'a probability above 1',
      ['generate', '--model', 'm', '--min-p', '1.5'],
      '--min-p <x> is "1.5": expected a number from 0 to 1',
    ],
    [
      'an endless penalty',
      ['generate', '--model', 'm', '--repetition-penalty', '1e9'],
      '--repetition-penalty <x> is "1e9"',
    ],
    ['a seed out of range', ['generate', '--model', 'm', '--seed', '-1'], '--seed <n> is "-1": expected'],
    ['an empty stop text', ['generate', '--model', 'm', '--stop', ''], '--stop <text> is "": expected'],
    ['an unknown option', ['generate', '--modle', 'm'], "unknown option '--modle' (Did you mean --model?)"],
    ['an unknown command', ['generat'], "unknown command 'generat' (Did you mean generate?)"],
    ['an argument too many', ['generate', 'm'], "too many arguments for 'generate'"],
    ['an option without its value', ['generate', '--model'], "'--model <path>' argument missing"],
    ['BOS for a text', ['tokenize', '--tokenizer', 't', '--bos', '--decode'], '--bos is for ids, not for text'],
    ['a required option left out', ['tokenize'], "required option '--tokenizer <path>' not specified"],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await cria(args)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })
})

test('--debug adds where an error comes from', async () => {
  const { code, stderr } = await cria(['generate', '--debug', '--device', 'shape'])
  expect(stderr).toMatch(/--device is shape.*\n\s+at /)
  expect(code).toBe(2)
})

test('help and version are not errors', async () => {
  const help = await cria(['generate', '--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('--repetition-penalty <x>')
  expect(await cria(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})
