import { type Bytes, checkLength, decodeUtf8, lineBatches } from './bytes'

export interface TextOptions {
  /** Names the file in errors. */
  readonly file: string
  /** A line that ends a document, such as `<|endoftext|>`. Without one, the whole text is one document. */
  readonly separator?: string | undefined
}

/**
 * The documents of a UTF-8 text. Documents that are white space alone are left out.
 *
 * @throws DocumentError if the bytes are not UTF-8, or a document has over 2^28 characters
 */
export async function* textDocuments(bytes: Bytes, { file, separator }: TextOptions): AsyncGenerator<string> {
  let length = 0
  const check = (characters: number) => {
    length += characters
    checkLength(length, file, 'a document')
  }
  if (separator === undefined) {
    let text = ''
    for await (const piece of decodeUtf8(bytes, file)) {
      check(piece.length)
      text += piece
    }
    if (text.trim() !== '') yield text
    return
  }
  let lines: string[] = []
  for await (const batch of lineBatches(bytes, file)) {
    for (const line of batch) {
      if (line === separator || line === `${separator}\r`) {
        const text = lines.join('\n')
        if (text.trim() !== '') yield text
        lines = []
        length = 0
      } else {
        check(line.length + 1)
        lines.push(line)
      }
    }
  }
  const text = lines.join('\n')
  if (text.trim() !== '') yield text
}
