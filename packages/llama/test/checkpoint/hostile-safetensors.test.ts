import { outputBytes } from '@cria/checkpoint'
import { writeHuggingFace } from '../../src/checkpoint'
import { testHostile, watchedSource } from './hostile'
import { tinyModel } from './tiny'

type Json = Record<string, unknown>

const utf8 = (text: string) => new TextEncoder().encode(text)

/** A safetensors file of this header text and as many bytes of data; `length` replaces the header's true length. */
const file = (header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array => {
  const text = typeof header === 'string' ? utf8(header) : header
  const bytes = new Uint8Array(8 + text.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true)
  bytes.set(text, 8)
  return bytes
}

const [config, model] = await Promise.all(writeHuggingFace(tinyModel()).map(outputBytes))
const configJson: Json = JSON.parse(new TextDecoder().decode(config))
const headerBytes = Number(new DataView(model.buffer).getBigUint64(0, true))
const header: Record<string, Json> = JSON.parse(new TextDecoder().decode(model.subarray(8, 8 + headerBytes)))
const dataBytes = model.length - 8 - headerBytes

const folder =
  (error: RegExp, weights: Uint8Array, { size, settings }: { size?: number; settings?: Json } = {}) =>
  () => ({
    sources: [
      watchedSource('config.json', settings ? utf8(JSON.stringify(settings)) : config),
      watchedSource('model.safetensors', weights, size),
    ],
    error,
  })

/** A header of one tensor, with data of 16 bytes, whose entry a case changes. */
const one = (error: RegExp, entry: unknown, bytes = 16) => folder(error, file(JSON.stringify({ w: entry }), bytes))
const fine = { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] }

/** The tiny model with its header changed; the data stays. */
const changed = (error: RegExp, change: (tensors: Record<string, Json>) => void, extraBytes = 0) => {
  const copy = structuredClone(header)
  change(copy)
  return folder(error, file(JSON.stringify(copy), dataBytes + extraBytes))
}

/** The tiny model with another config. */
const withConfig = (error: RegExp, fields: Json) => folder(error, model, { settings: { ...configJson, ...fields } })

const sharded =
  (error: RegExp, index: Json, others: Record<string, Uint8Array> = {}) =>
  () => ({
    sources: [
      watchedSource('config.json', config),
      watchedSource('model.safetensors.index.json', utf8(JSON.stringify(index))),
      ...Object.entries({ 'a.safetensors': model, ...others }).map(([name, bytes]) => watchedSource(name, bytes)),
    ],
    error,
  })

const q = 'model.layers.0.self_attn.q_proj.weight'
const norm = 'model.norm.weight'
const everyTensor = (shard: string) =>
  Object.fromEntries(Object.keys(header).flatMap(name => (name === '__metadata__' ? [] : [[name, shard]])))

testHostile('safetensors', {
  'an empty file': folder(/length of the header/, new Uint8Array(0)),
  'seven bytes': folder(/length of the header/, new Uint8Array(7)),
  'a header over 100 MB': folder(/header: claims 100000001 bytes/, file('{}', 0, 100_000_001n)),
  'a header over 100 MB in a file of a terabyte': folder(/header: claims/, file('{}', 0, 2n ** 39n), { size: 2 ** 40 }),
  'a header of 2^64 - 1 bytes': folder(/header: claims 18446744073709551615/, file('{}', 0, 2n ** 64n - 1n)),
  'a header past the end': folder(/header: would be/, file('{}', 0, 1000n)),
  'a header of no bytes': folder(/header: does not begin with/, file('')),
  'a header that begins with a space': folder(/does not begin with "{"/, file(' {}')),
  'a header that is a list': folder(/does not begin with "{"/, file('[]')),
  'a header that is not JSON': folder(/header: is not valid JSON/, file('{"w":')),
  'a header that is not UTF-8': folder(/header: is not valid JSON/, file(Uint8Array.of(0x7b, 0xff, 0x7d))),
  'a header of 20 million brackets': folder(
    /header: is nested more than 64 deep/,
    file(`{"w":${'['.repeat(20_000_000)}`),
  ),
  'a header of a million keys': folder(
    /header: has more than 250000 items/,
    file(`{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":0`)}}`),
  ),
  'a header of eight million objects': folder(
    /header: has more than 250000 items/,
    file(`{"w":[${'{},'.repeat(8e6)}0]}`),
  ),
  'a header that is one string of 20 MB': folder(/"w": has no object/, file(`{"w":"${'x'.repeat(20_000_000)}"}`)),
  'a header of escapes without an end': folder(/header: is not valid JSON/, file(`{"w":"${'\\\\'.repeat(100_000)}`)),
  'a tensor given twice': folder(
    /key "w" twice/,
    file(`{"w":${JSON.stringify(fine)},"w":${JSON.stringify(fine)}}`, 16),
  ),
  'a tensor given twice, once escaped': folder(
    /key "w" twice/,
    file(`{"w":${JSON.stringify(fine)},"\\u0077":${JSON.stringify(fine)}}`, 16),
  ),
  'a field given twice': folder(
    /key "dtype" twice/,
    file('{"w":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,4]}}', 4),
  ),
  'metadata that is not an object': folder(/__metadata__: is not an object/, file('{"__metadata__":[]}')),
  'metadata that is not text': folder(/__metadata__.format: is not a string/, file('{"__metadata__":{"format":1}}')),
  'an entry that is not an object': one(/"w": has no object/, 7),
  'an entry with a field more': one(/"w": strides: is not a field/, { ...fine, strides: [1] }),
  'no dtype': one(/"w": dtype: is not a string/, { ...fine, dtype: undefined }),
  'an unknown dtype': one(/"w": dtype: is F8_E4M3, expected one of F64/, { ...fine, dtype: 'F8_E4M3' }),
  'a dtype from the prototype': one(/"w": dtype: is constructor/, { ...fine, dtype: 'constructor' }),
  'a shape that is not a list': one(/"w": shape: is not a list/, { ...fine, shape: 4 }),
  'a negative size': one(/"w": shape: is not a list/, { ...fine, shape: [-2, -2] }),
  'a size that is not a whole number': one(/"w": shape: is not a list/, { ...fine, shape: [0.5, 8] }),
  'a size beyond 2^53': one(/"w": shape: is not a list/, { ...fine, shape: [2 ** 60] }),
  'a shape whose product overflows 2^53': one(/more than 2\^53 bytes/, { ...fine, shape: [2 ** 30, 2 ** 30] }),
  'a shape whose product wraps to the right size': one(/more than 2\^53/, { ...fine, shape: [2 ** 33, 2 ** 31, 4] }),
  'offsets that are text': one(/"w": data_offsets: is not a pair/, { ...fine, data_offsets: ['0', '16'] }),
  'three offsets': one(/"w": data_offsets: is not a pair/, { ...fine, data_offsets: [0, 8, 16] }),
  'a negative offset': one(/"w": data_offsets: is not a pair/, { ...fine, data_offsets: [-16, 0] }),
  'offsets that end before they begin': one(/"w": data_offsets: \[16, 0\] end before/, {
    ...fine,
    data_offsets: [16, 0],
  }),
  'offsets that do not fit the shape': one(/span 12 bytes, expected 16/, { ...fine, data_offsets: [0, 12] }, 12),
  'offsets past the end': one(/tensor "w": data_offsets: would be/, {
    ...fine,
    data_offsets: [2 ** 40, 2 ** 40 + 16],
  }),
  'a hole before the first tensor': one(/leaves a hole of 16 bytes/, { ...fine, data_offsets: [16, 32] }, 32),
  'a hole between tensors': folder(
    /"v": data_offsets: leaves a hole of 4 bytes/,
    file(JSON.stringify({ w: fine, v: { ...fine, data_offsets: [20, 36] } }), 36),
  ),
  'tensors that overlap': folder(
    /"v": data_offsets: overlaps/,
    file(JSON.stringify({ w: fine, v: { ...fine, data_offsets: [8, 24] } }), 24),
  ),
  'bytes after the last tensor': folder(/has 5 bytes after its last tensor/, file(JSON.stringify({ w: fine }), 21)),
  'data cut short': folder(/would be at bytes/, model.subarray(0, model.length - 1)),
  'no tensors': folder(/"model.embed_tokens.weight": is missing/, file('{}')),
  'a tensor of another shape': changed(/q_proj.weight": has shape \[16,64\], expected \[32,32\]/, tensors => {
    tensors[q].shape = [16, 64]
  }),
  'a bias': changed(
    /q_proj.bias": is a bias/,
    tensors => {
      tensors['model.layers.0.self_attn.q_proj.bias'] = {
        dtype: 'F32',
        shape: [1],
        data_offsets: [dataBytes, dataBytes + 4],
      }
    },
    4,
  ),
  'an unknown tensor': changed(
    /"model.norm.scale": is not a weight/,
    tensors => {
      tensors['model.norm.scale'] = { dtype: 'F32', shape: [1], data_offsets: [dataBytes, dataBytes + 4] }
    },
    4,
  ),
  'a missing tensor': changed(/"model.norm.weight": is missing/, tensors => {
    tensors['model.layers.0.self_attn.rotary_emb.inv_freq'] = tensors[norm]
    delete tensors[norm]
  }),
  'no config': () => ({ sources: [watchedSource('model.safetensors', model)], error: /has no config.json/ }),
  'a config that is not JSON': () => ({
    sources: [watchedSource('config.json', utf8('{')), watchedSource('model.safetensors', model)],
    error: /config.json: is not valid JSON/,
  }),
  'a config of a gigabyte': () => ({
    sources: [watchedSource('config.json', config, 2 ** 30), watchedSource('model.safetensors', model)],
    error: /config.json: has 1073741824 bytes/,
  }),
  'a config of another model': withConfig(/model_type: is "mistral", expected "llama"/, { model_type: 'mistral' }),
  'another activation': withConfig(/hidden_act: is "gelu"/, { hidden_act: 'gelu' }),
  'biases in the config': withConfig(/q_proj.bias": is missing; expected it with shape \[32\]/, {
    attention_bias: true,
  }),
  'a quantised folder': withConfig(/quantization_config: is set/, { quantization_config: { bits: 4 } }),
  'weights for MLX': withConfig(/quantization: is set: these are weights of 4 bits for MLX; get the original model/, {
    quantization: { group_size: 32, bits: 4 },
  }),
  'heads of another size': withConfig(/q_proj.weight": has shape \[32,32\], expected \[64,32\] from the config/, {
    head_dim: 16,
  }),
  'layers that are a text of 20 MB': withConfig(/num_hidden_layers: is "x{300,400}…$/, {
    num_hidden_layers: 'x'.repeat(20_000_000),
  }),
  'layers without a number': withConfig(/num_hidden_layers: is "2", expected a number/, { num_hidden_layers: '2' }),
  'more layers than there are': withConfig(/layers.2.input_layernorm.weight": is missing/, { num_hidden_layers: 3 }),
  'a million layers': withConfig(/n_layers: is 1000000/, { num_hidden_layers: 1_000_000 }),
  'a vocabulary beyond 2^53 elements': withConfig(/vocab_size|dim/, { vocab_size: 2 ** 52 }),
  'llama3 rope scaling without its limits': withConfig(
    /rope_scaling.low_freq_factor: is undefined, expected a number/,
    {
      rope_scaling: { rope_type: 'llama3', factor: 8 },
    },
  ),
  'rope scaling that is a text': withConfig(/rope_scaling: is "linear", expected an object or null/, {
    rope_scaling: 'linear',
  }),
  'rope parameters that are a list': withConfig(/rope_parameters: is \[1\], expected an object/, {
    rope_parameters: [1],
  }),
  'rope scaling without its type': withConfig(/rope_scaling.type: is undefined, expected a string/, {
    rope_scaling: { factor: 2 },
  }),
  'longrope parameters': withConfig(/rope_parameters.type: is "longrope", expected linear, dynamic, yarn or llama3/, {
    rope_parameters: { rope_type: 'longrope', rope_theta: 10000 },
  }),
  'half of a head turned': withConfig(/partial_rotary_factor: is 0.5, expected 1/, { partial_rotary_factor: 0.5 }),
  'rope scaling without its factor': withConfig(/rope_scaling.factor: is undefined/, {
    rope_scaling: { type: 'linear' },
  }),
  'an index without a map': sharded(/weight_map: is not an object/, {}),
  'an index that leaves its folder': sharded(/is "..\/..\/etc\/passwd.safetensors"/, {
    weight_map: { [norm]: '../../etc/passwd.safetensors' },
  }),
  'an index that names no safetensors': sharded(/expected a safetensors file/, {
    weight_map: { [norm]: 'config.json' },
  }),
  'an index that names a missing file': sharded(/weight_map: names b.safetensors, which is missing/, {
    weight_map: { [norm]: 'b.safetensors' },
  }),
  'an index without the file of a tensor': sharded(
    /"model.embed_tokens.weight": is missing/,
    { weight_map: { [q]: 'b.safetensors' } },
    { 'b.safetensors': file('{}') },
  ),
  'a tensor in two shards': sharded(
    /is also in another shard/,
    { weight_map: { ...everyTensor('a.safetensors'), [norm]: 'b.safetensors' } },
    { 'b.safetensors': model },
  ),
})
