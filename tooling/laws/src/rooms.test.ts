import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readWorkspace } from './workspace'

// Laws of certain packages. Laws of every workspace are in laws.test.ts.

const { rooms, sources } = readWorkspace(fileURLToPath(new URL('../../..', import.meta.url)))

test('tokenizer, sampling, checkpoint, data-mixture and dtypes do not import tensor', () => {
  for (const room of ['tokenizer', 'sampling', 'checkpoint', 'data-mixture'])
    expect(['dtypes'], room).toEqual(expect.arrayContaining([...rooms[room]]))
  expect(rooms.dtypes).toEqual([])
})

// The code that reads checkpoints and checks configs is in separate files.
test.each([
  ['llama', ['config.ts', 'llama.ts']],
  ['llama2', ['llama2.ts', 'architecture.ts']],
])('%s is a config and a composition: about 150 lines of code', (room, files) => {
  const shipped = files.map(file => sources.find(({ path }) => path === `packages/${room}/src/${file}`))
  expect(shipped.reduce((lines, source) => lines + linesOfCode(source?.text ?? ''), 0)).toBeGreaterThan(10)
  expect(shipped.reduce((lines, source) => lines + linesOfCode(source?.text ?? ''), 0)).toBeLessThanOrEqual(160)
})

test('no device runs the reference of an op', () => {
  const devices = sources.filter(({ path }) => /^packages\/tensor\/src\/(?!ops\/|op\.ts)/.test(path))
  expect(devices.length).toBeGreaterThan(10)
  expect(devices.filter(({ text }) => /\breference\s*\(|\.reference\b/.test(text)).map(({ path }) => path)).toEqual([])
})

/** Lines that are neither blank nor comment. */
const linesOfCode = (text: string) =>
  text.split('\n').filter(line => line.trim() && !/^(\/\/|\/?\*)/.test(line.trim())).length
