import type { GgufVocabulary } from '../src/index'

type Value = number | bigint | boolean | string | Value[]

/** The metadata of a trusted GGUF file (version 2 or 3), by the specification; tensors are left alone. */
function ggufMetadata(bytes: Uint8Array): Map<string, Value> {
  // U+FEFF is a piece, not a mark.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 16
  /** Where the next `size` bytes start. */
  const take = (size: number) => {
    at += size
    return at - size
  }
  const u64 = () => Number(view.getBigUint64(take(8), true))
  const string = (): string => {
    const length = u64()
    return utf8.decode(bytes.subarray(take(length), at))
  }
  const value = (type: number): Value => {
    const scalars: Record<number, () => Value> = {
      0: () => view.getUint8(take(1)),
      1: () => view.getInt8(take(1)),
      2: () => view.getUint16(take(2), true),
      3: () => view.getInt16(take(2), true),
      4: () => view.getUint32(take(4), true),
      5: () => view.getInt32(take(4), true),
      6: () => view.getFloat32(take(4), true),
      7: () => view.getUint8(take(1)) !== 0,
      8: string,
      10: u64,
      11: () => view.getBigInt64(take(8), true),
      12: () => view.getFloat64(take(8), true),
    }
    if (type !== 9) return scalars[type]()
    const element = view.getUint32(take(4), true)
    return Array.from({ length: u64() }, () => value(element))
  }
  return new Map(Array.from({ length: u64() }, () => [string(), value(view.getUint32(take(4), true))]))
}

/** The vocabulary of a GGUF file, in the shape in which `@cria/checkpoint` gives it. */
export function ggufVocabulary(bytes: Uint8Array): GgufVocabulary {
  const metadata = ggufMetadata(bytes)
  const get = <T>(key: string) => metadata.get(`tokenizer.ggml.${key}`) as T
  const scores = get<number[] | undefined>('scores')
  return {
    kind: 'gguf',
    model: get('model'),
    tokens: get('tokens'),
    scores: scores && Float32Array.from(scores),
    merges: get('merges'),
    pre: get('pre'),
    addBos: get('add_bos_token'),
    addEos: get('add_eos_token'),
    eotId: get('eot_token_id'),
    eomId: get('eom_token_id'),
    types: Int32Array.from(get<number[]>('token_type')),
    bosId: get('bos_token_id'),
    eosId: get('eos_token_id'),
    unkId: get('unknown_token_id'),
    padId: get('padding_token_id'),
    addSpacePrefix: get<boolean | undefined>('add_space_prefix') ?? true,
    chatTemplate: undefined,
  }
}
