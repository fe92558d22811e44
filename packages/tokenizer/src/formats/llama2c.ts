import { TokenizerFormatError } from '../errors'
import { Tokenizer } from '../tokenizer'
import { byteName, byteOf, defaultUnkSurface, llamaNormalizer, maxPieces, PieceType } from '../vocabulary'
import { cannotSay, requireLlamaText, requireSentencePiece } from './requirements'

// The format has no types and no ids: they are fixed in llama2.c's run.c.
const unkId = 0
const bosId = 1
const eosId = 2
const firstByteId = 3

/**
 * Reads llama2.c's `tokenizer.bin` or `tok*.bin`: a u32 with the length of the longest piece, then for each piece an f32
 * score, a u32 length and that many bytes of UTF-8; little-endian, to the end of the file.
 *
 * Pieces 0, 1 and 2 are `unk`, BOS and EOS, a piece named `<0x00>` to `<0xFF>` is that byte, and spaces stand for `▁`.
 *
 * @param bytes the file
 * @param options `name`: the file's name, for errors
 * @throws {TokenizerFormatError} for a file that ends early or whose vocabulary contradicts itself
 */
export function readLlama2c(bytes: Uint8Array, { name = 'tokenizer.bin' }: { name?: string } = {}): Tokenizer {
  const fail = (problem: string, cause?: unknown) => new TokenizerFormatError(name, problem, { cause })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 4) throw fail(`ends after ${bytes.length} bytes, within the length of the longest piece`)
  const longest = view.getUint32(0, true)
  const pieces: string[] = []
  const scores: number[] = []
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for (let at = 4; at < bytes.length; ) {
    const id = pieces.length
    if (id === maxPieces) throw fail(`more than ${maxPieces} pieces`)
    if (bytes.length - at < 8) throw fail(`ends within the head of piece ${id}`)
    const score = view.getFloat32(at, true)
    const length = view.getUint32(at + 4, true)
    at += 8
    if (length > longest) throw fail(`piece ${id} claims ${length} bytes, the longest is said to have ${longest}`)
    if (length > bytes.length - at) throw fail(`piece ${id} claims ${length} bytes, ${bytes.length - at} are left`)
    let text: string
    try {
      text = utf8.decode(bytes.subarray(at, at + length))
    } catch (error) {
      throw fail(`piece ${id} is not valid UTF-8`, error)
    }
    // run.c prints BOS and EOS on separate lines.
    if (id === bosId || id === eosId) text = text.replace(/^\n(.*)\n$/, '$1')
    pieces.push(text.replaceAll(' ', '▁'))
    scores.push(score)
    at += length
  }
  const types = Uint8Array.from(pieces, (piece, id) => {
    if (id === unkId) return PieceType.unknown
    if (id === bosId || id === eosId) return PieceType.control
    return byteOf(piece) < 0 ? PieceType.normal : PieceType.byte
  })
  const vocabulary = {
    pieces,
    scores: Float32Array.from(scores),
    types,
    unkId,
    bosId,
    eosId,
    padId: undefined,
    byteFallback: types.includes(PieceType.byte),
    unkSurface: defaultUnkSurface,
    normalizer: llamaNormalizer,
  }
  return new Tokenizer(vocabulary, { name })
}

/**
 * Writes llama2.c's `tokenizer.bin`.
 *
 * @throws {UnsupportedTokenizerError} for what the format cannot express: ids of `unk`, BOS, EOS and the bytes that differ from
 * llama2.c's, further control, user-defined or unused pieces, and a normaliser other than LLaMA's
 */
export function writeLlama2c({ vocabulary }: Tokenizer): Uint8Array {
  const { pieces, scores, types } = vocabulary
  const refuse = (what: string) => cannotSay('tokenizer.bin', what)
  requireSentencePiece('tokenizer.bin', vocabulary)
  requireLlamaText('tokenizer.bin', vocabulary)
  if (vocabulary.unkId !== unkId || vocabulary.bosId !== bosId || vocabulary.eosId !== eosId)
    throw refuse(`unk, BOS and EOS are other ids than ${unkId}, ${bosId} and ${eosId}`)
  if (!vocabulary.normalizer.addDummyPrefix) throw refuse('there is no dummy prefix')
  if (!vocabulary.byteFallback) throw refuse('there is no byte fallback')
  for (let id = 0; id < pieces.length; id++) {
    const byte = id - firstByteId
    const type =
      id === unkId
        ? PieceType.unknown
        : id < firstByteId
          ? PieceType.control
          : byte < 256
            ? PieceType.byte
            : PieceType.normal
    if (types[id] !== type || (type === PieceType.byte && pieces[id] !== byteName(byte)))
      throw refuse(`piece ${id} is ${JSON.stringify(pieces[id])} of type ${types[id]}`)
    if (pieces[id].includes(' ')) throw refuse(`piece ${id} holds a space that is no ▁`)
  }
  const utf8 = new TextEncoder()
  const texts = pieces.map((piece, id) => {
    const text = piece.replaceAll('▁', ' ')
    return utf8.encode(id === bosId || id === eosId ? `\n${text}\n` : text)
  })
  const bytes = new Uint8Array(texts.reduce((size, text) => size + 8 + text.length, 4))
  const view = new DataView(bytes.buffer)
  const longest = texts.reduce((length, text) => Math.max(length, text.length), 0)
  view.setUint32(0, longest, true)
  let at = 4
  for (let id = 0; id < texts.length; id++) {
    view.setFloat32(at, scores[id], true)
    view.setUint32(at + 4, texts[id].length, true)
    bytes.set(texts[id], at + 8)
    at += 8 + texts[id].length
  }
  return bytes
}
