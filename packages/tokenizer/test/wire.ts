// Protobuf and llama2.c's format written by hand, so that tests can write what a library would not.

const utf8 = new TextEncoder()

export const bytesOf = (...parts: (number | string | Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap(part =>
      typeof part === 'number' ? [part] : [...(typeof part === 'string' ? utf8.encode(part) : part)],
    ),
  )

export const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]

export const float = (value: number) => new Uint8Array(Float32Array.of(value).buffer)

/** A field with a number (wire type 0), four bytes (5), or anything of a length (2). */
export const integer = (field: number, value: number) => bytesOf(varint(field * 8), varint(value))
export const float32 = (field: number, value: number) => bytesOf(varint(field * 8 + 5), float(value))
export const delimited = (field: number, value: string | Uint8Array) => {
  const content = typeof value === 'string' ? utf8.encode(value) : value
  return bytesOf(varint(field * 8 + 2), varint(content.length), content)
}

const byteName = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

export interface ModelParts {
  pieces?: Uint8Array[]
  trainer?: Uint8Array
  normalizer?: Uint8Array
  rest?: Uint8Array
}

export const piece = (text: string, score: number, type?: number) =>
  delimited(1, bytesOf(delimited(1, text), float32(2, score), type === undefined ? [] : integer(3, type)))

export const reserved = [piece('<unk>', 0, 2), piece('<s>', 0, 3), piece('</s>', 0, 3)]
export const bytePieces = Array.from({ length: 256 }, (_, byte) => piece(byteName(byte), 0, 6))
export const words = [piece('ab', -1), piece('▁', -2), piece('a', -3), piece('b', -4)]
export const trainerSpec = bytesOf(integer(3, 2), integer(35, 1))

/** A small valid SentencePiece model, with the given parts replaced. */
export const model = ({
  pieces = [...reserved, ...bytePieces, ...words],
  trainer = trainerSpec,
  normalizer = bytesOf(integer(3, 1), integer(4, 0), integer(5, 1)),
  rest = bytesOf(),
}: ModelParts = {}) => bytesOf(...pieces, delimited(2, trainer), delimited(3, normalizer), rest)

const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer)

export const llama2cPiece = (text: string | Uint8Array, score = 0, length?: number) => {
  const content = typeof text === 'string' ? utf8.encode(text) : text
  return bytesOf(float(score), u32(length ?? content.length), content)
}

/** A small valid tokenizer.bin of llama2.c, with the given parts replaced. */
export const llama2c = (
  pieces: Uint8Array[] = [
    ...['<unk>', '\n<s>\n', '\n</s>\n', ...Array.from({ length: 256 }, (_, byte) => byteName(byte))].map(text =>
      llama2cPiece(text),
    ),
    ...['ab', ' ', 'a', 'b'].map((text, i) => llama2cPiece(text, -1 - i)),
  ],
  longest = 8,
) => bytesOf(u32(longest), ...pieces)
