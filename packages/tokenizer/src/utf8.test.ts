import { expect, test } from 'vitest'
import { type ByteStream, LossyUtf8, textOfUtf8, Utf8Stream, utf8Of } from './utf8'

// The first and the last character of each length in UTF-8.
const edges = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]

test.each(edges)('the bytes of U+%d are those of the platform', codePoint => {
  const character = String.fromCodePoint(codePoint)
  const bytes = utf8Of(codePoint)
  expect(bytes).toEqual([...new TextEncoder().encode(character)])
  expect(textOfUtf8(bytes)).toBe(character)
  expect(textOfUtf8(bytes.slice(0, -1))).toBe(bytes.length === 1 ? '' : undefined)
})

const streams: Record<string, () => ByteStream> = {
  Utf8Stream: () => new Utf8Stream(),
  LossyUtf8: () => new LossyUtf8(),
}

test.each(Object.keys(streams))(
  '%s gives the text of bytes that come one by one, and waits within a character',
  name => {
    const text = `\ufeffaé漢🦙${String.fromCodePoint(...edges)}`
    const stream = streams[name]()
    let given = ''
    for (const character of text) {
      const bytes = new TextEncoder().encode(character)
      for (const [i, byte] of bytes.entries()) {
        given += stream.push(Uint8Array.of(byte))
        expect(stream.isWaiting, `byte ${i} of ${character}`).toBe(i < bytes.length - 1)
      }
    }
    expect(given).toBe(text)
    expect(stream.end()).toBe('')
  },
)

test.each(Object.keys(streams))('%s: what is held back at the end is U+FFFD', name => {
  const stream = streams[name]()
  expect(stream.push(Uint8Array.of(0x61, 0xe6, 0xbc))).toBe('a')
  expect(stream.isWaiting).toBe(true)
  expect(stream.end()).toBe(name === 'LossyUtf8' ? '\ufffd' : '\ufffd\ufffd')
  expect(stream.isWaiting).toBe(false)
  expect(stream.push(Uint8Array.of(0x62))).toBe('b')
})
