import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ResolvedConfig } from '@cria/llama'
import { UsageError } from '../errors'

/** transformers.js's names of types, and how the file of each ends. */
const endings = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const

export type OnnxType = keyof typeof endings

export const onnxTypes = Object.keys(endings) as OnnxType[]

/** A model as transformers.js loads it. */
export interface OnnxModel {
  readonly folder: string
  readonly type: OnnxType
}

/** The sizes that make two models the same work, by their names in Hugging Face's config. */
const sizesOf = (config: ResolvedConfig): Readonly<Record<string, number>> => ({
  hidden_size: config.dim,
  intermediate_size: config.hidden_dim,
  num_hidden_layers: config.n_layers,
  num_attention_heads: config.n_heads,
  num_key_value_heads: config.n_kv_heads,
  vocab_size: config.vocab_size,
})

/**
 * Finds a model in a folder of Hugging Face's layout: `config.json`, and `onnx/model….onnx`.
 * @param type needed if the folder has several
 * @throws UsageError unless it has that type, and the sizes of `config`
 */
export const findOnnx = async (
  path: string,
  type: OnnxType | undefined,
  config: ResolvedConfig,
): Promise<OnnxModel> => {
  const folder = resolve(path)
  const refuse = (problem: string): never => {
    throw new UsageError(`--onnx ${path}: ${problem}`)
  }
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => refuse('it has no config.json'))
  let found: Record<string, unknown> | null
  try {
    found = JSON.parse(text)
  } catch {
    return refuse('its config.json is not valid JSON')
  }
  for (const [name, size] of Object.entries(sizesOf(config)))
    if (found?.[name] !== size)
      refuse(`it is another model: its ${name} is ${JSON.stringify(found?.[name])}, and that of --model is ${size}`)
  const types = onnxTypes.filter(one => existsSync(join(folder, 'onnx', `model${endings[one]}.onnx`)))
  if (types.length === 0) refuse('it has no onnx/model.onnx, nor one of another type')
  if (type === undefined && types.length > 1) refuse(`it has ${types.join(' and ')}: say which with --onnx-type`)
  if (type !== undefined && !types.includes(type)) refuse(`it has ${types.join(' and ')}, and not ${type}`)
  return { folder, type: type ?? types[0] }
}
