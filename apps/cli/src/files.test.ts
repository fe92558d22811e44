import { expect, test } from 'vitest'
import { decodeUtf8, lineBatches } from './files'

const chunks = async function* (...texts: string[]) {
  for (const text of texts) yield new TextEncoder().encode(text)
}

const linesOf = async (source: AsyncIterable<Uint8Array>) => {
  const lines: string[] = []
  for await (const batch of lineBatches(source, 'that file')) lines.push(...batch)
  return lines
}

test('lines end at line feeds, wherever chunks end', async () => {
  const euro = new TextEncoder().encode('€')
  const split = async function* () {
    yield* chunks('a\nb', '', 'c\r\n\n')
    yield euro.subarray(0, 1)
    yield euro.subarray(1)
  }
  expect(await linesOf(split())).toEqual(['a', 'bc\r', '', '€'])
  expect(await linesOf(chunks())).toEqual([])
})

test('the error names an input that is not text, or has a line that is too long', async () => {
  const cut = async function* () {
    yield Uint8Array.of(0xe2, 0x82)
  }
  await expect(linesOf(cut())).rejects.toThrow('that file is not UTF-8 text')
  const endless = async function* () {
    const chunk = new Uint8Array(2 ** 24).fill(0x61)
    for (;;) yield chunk
  }
  await expect(linesOf(endless())).rejects.toThrow('that file has a line of over 268435456 characters: break it')
  expect(() => decodeUtf8(Uint8Array.of(0xff), 'that file')).toThrow('that file is not UTF-8 text')
  expect(() => decodeUtf8(new Uint8Array(2 ** 29), 'that file')).toThrow('that file is too long for one text')
})
