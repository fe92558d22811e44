import { outputBytes } from '@cria/checkpoint'
import { writeLlama2c } from '../../src/checkpoint'
import { testHostile, watchedSource } from './hostile'
import { tinyConfig, tinyModel } from './tiny'

const v0 = await outputBytes(writeLlama2c(tinyModel({ ...tinyConfig, norm_eps: 1e-5 })))
const fields = ['dim', 'hidden_dim', 'n_layers', 'n_heads', 'n_kv_heads', 'vocab_size', 'seq_len'] as const

const hostile = (error: RegExp, bytes: Uint8Array, size?: number) => () => ({
  sources: [watchedSource('model.bin', bytes, size)],
  error,
})

/** The tiny model as version 0 with one header field changed. */
const withField = (field: (typeof fields)[number], value: number) => {
  const bytes = v0.slice()
  new DataView(bytes.buffer).setInt32(4 * fields.indexOf(field), value, true)
  return bytes
}

/** A header of version 1 or 2 of the tiny model, and zeros up to `size`. */
const v1 = ({ version = 1, shared = 1, groupSize = 0, size = 4096, dim = 32 } = {}) => {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const config = [dim, 64, 2, 4, 2, 48, 128]
  ;[0x616b3432, version, ...config].forEach((value, i) => void view.setInt32(4 * i, value, true))
  view.setUint8(36, shared)
  view.setInt32(37, groupSize, true)
  return bytes
}

testHostile('llama2.c', {
  'an empty file': hostile(/header: would be/, new Uint8Array(0)),
  'a header cut short': hostile(/header: would be/, v0.subarray(0, 27)),
  'a file of zeros': hostile(/dim: is 0.*not a llama2.c checkpoint/, new Uint8Array(1000)),
  'a file of text': hostile(
    /not a llama2.c checkpoint/,
    new TextEncoder().encode('Once upon a time there was a llama. '.repeat(9)),
  ),
  'a negative width': hostile(/dim: is -32/, withField('dim', -32)),
  'a width whose product overflows 2^53': hostile(/n_heads|dim/, withField('dim', 2 ** 31 - 4)),
  'a billion layers': hostile(/n_layers: is 1000000000/, withField('n_layers', 1e9)),
  'layers that are not there': hostile(/would be at bytes|expected \d+ from its header/, withField('n_layers', 3)),
  'no heads': hostile(/n_heads: is 0/, withField('n_heads', 0)),
  'heads of an odd size': hostile(/n_heads: gives heads of 1/, withField('n_heads', 32)),
  'key heads that do not divide': hostile(/n_kv_heads: is 3/, withField('n_kv_heads', 3)),
  'more key heads than heads': hostile(/n_kv_heads: is 8/, withField('n_kv_heads', 8)),
  'the smallest vocabulary of all': hostile(/vocab_size: is 2147483648/, withField('vocab_size', -(2 ** 31))),
  'a tied output where it is not': hostile(/expected \d+ from its header/, withField('vocab_size', 48)),
  'no context': hostile(/seq_len: is 0/, withField('seq_len', 0)),
  'one byte missing': hostile(/would be at bytes/, v0.subarray(0, v0.length - 1)),
  'one byte too many': hostile(/expected \d+ from its header/, new Uint8Array([...v0, 0])),
  'a size of a terabyte': hostile(/has 1099511627776 bytes, expected/, v0, 2 ** 40),
  'version 3': hostile(/version: is 3, expected 1 or 2/, v1({ version: 3 })),
  'a version 1 header cut short': hostile(/header: would be at bytes 0 to 256/, v1({ size: 100 })),
  'a shared output of 2': hostile(/shared_classifier: is 2/, v1({ shared: 2 })),
  'version 1 without its tensors': hostile(/would be at bytes/, v1()),
  'groups of no elements': hostile(/group_size: is 0/, v1({ version: 2 })),
  'groups of a negative size': hostile(/group_size: is -8/, v1({ version: 2, groupSize: -8 })),
  'groups that do not divide': hostile(/group_size: is 7/, v1({ version: 2, groupSize: 7 })),
  'a PyTorch archive by that name': hostile(/is a PyTorch archive/, Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0)),
})
