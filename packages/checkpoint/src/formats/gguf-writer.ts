import { byteLength, dtypes, elementCount } from '@cria/dtypes'
import { ConversionError } from '../errors'
import type { OutputFile, OutputTensor } from '../output-file'
import { defaultAlignment, type GgufEntry, ggufMagic } from './gguf-metadata'
import { GgufOutput } from './gguf-output'

interface PlacedTensor {
  readonly tensor: OutputTensor
  readonly type: number
  readonly offset: number
  readonly bytes: number
}

const align = (offset: number) => Math.ceil(offset / defaultAlignment) * defaultAlignment

const place = (file: string, tensors: readonly OutputTensor[]): PlacedTensor[] => {
  let offset = 0
  return tensors.map(tensor => {
    const { name, dtype, shape } = tensor
    const type = dtypes[dtype].ggufId
    if (type === undefined) throw new ConversionError({ file, tensor: name }, `is ${dtype}, which GGUF does not have`)
    const bytes = byteLength(dtype, elementCount(shape) ?? 0)
    const placed = { tensor, type, offset, bytes }
    offset = align(offset + bytes)
    return placed
  })
}

const writeHeader = (entries: readonly GgufEntry[], tensors: readonly PlacedTensor[]): Uint8Array<ArrayBuffer> => {
  const out = new GgufOutput()
  out.number('u32', ggufMagic)
  out.number('u32', 3)
  out.number('u64', tensors.length)
  out.number('u64', entries.length)
  for (const [key, value] of entries) {
    out.string(key)
    out.value(value)
  }
  for (const { tensor, type, offset } of tensors) {
    out.string(tensor.name)
    out.number('u32', tensor.shape.length)
    for (const size of [...tensor.shape].reverse()) out.number('u64', size)
    out.number('u32', type)
    out.number('u64', offset)
  }
  return out.padded(defaultAlignment)
}

/**
 * A GGUF version 3 file with these key-value pairs and tensors, in this order.
 * @throws ConversionError for a type that GGUF does not have
 */
export const writeGgufFile = (
  name: string,
  entries: readonly GgufEntry[],
  tensors: readonly OutputTensor[],
): OutputFile => {
  const placed = place(name, tensors)
  const header = writeHeader(entries, placed)
  const last = placed[placed.length - 1]
  return {
    name,
    size: header.length + (last ? align(last.offset + last.bytes) : 0),
    async *chunks({ signal } = {}) {
      yield header.slice()
      for (const { tensor, bytes } of placed) {
        yield await tensor.bytes({ signal })
        if (align(bytes) > bytes) yield new Uint8Array(align(bytes) - bytes)
      }
    },
  }
}
