import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ResolvedConfig } from '@cria/llama'
import { PeerFolder } from './peer-folder'

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
  const folder = new PeerFolder(path, '--onnx')
  folder.requireSizes(await folder.readJson('config.json'), config)
  const types = onnxTypes.filter(one => existsSync(join(folder.path, 'onnx', `model${endings[one]}.onnx`)))
  if (types.length === 0) folder.refuse('it has no onnx/model.onnx, nor one of another type')
  if (type === undefined && types.length > 1) folder.refuse(`it has ${types.join(' and ')}: say which with --onnx-type`)
  if (type !== undefined && !types.includes(type)) folder.refuse(`it has ${types.join(' and ')}, and not ${type}`)
  return { folder: folder.path, type: type ?? types[0] }
}
