import { type OutputFile, type OutputTensor, readSafetensorsHeader, writeSafetensors } from '@cria/checkpoint'
import { fileSource } from '@cria/checkpoint/node'
import { ResumeError } from '../errors'
import type { TrainerState } from '../trainer'

export const stateName = 'training.safetensors'

const tensor = (name: string, values: Float32Array): OutputTensor => ({
  name,
  dtype: 'f32',
  shape: [values.length],
  bytes: async () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice(),
})

/**
 * A trainer's state as one file: tensors `parameters/PATH` and `optimizer/NAME/PATH`, flat, with the step and the row as
 * metadata.
 */
export const stateFile = ({ step, row, parameters, optimizer }: TrainerState): OutputFile => {
  const tensors = [...parameters].map(([path, values]) => tensor(`parameters/${path}`, values))
  for (const [name, byPath] of optimizer)
    for (const [path, values] of byPath) tensors.push(tensor(`optimizer/${name}/${path}`, values))
  return writeSafetensors(stateName, tensors, { step: String(step), row: String(row) })
}

/**
 * Reads what `stateFile` wrote.
 * @throws CheckpointError for a file that is damaged @throws ResumeError for one of another kind
 */
export const readStateFile = async (path: string): Promise<TrainerState> => {
  const source = await fileSource(path)
  try {
    const { tensors, metadata } = await readSafetensorsHeader(source)
    const [step, row] = ['step', 'row'].map(name => Number(metadata.get(name)))
    if (!(Number.isSafeInteger(step) && Number.isSafeInteger(row)))
      throw new ResumeError(`${path} is not the state of a training run: it has no step and row`)
    const parameters = new Map<string, Float32Array>()
    const optimizer = new Map<string, Map<string, Float32Array>>()
    for (const [name, { offset, byteLength }] of tensors) {
      const values = new Float32Array((await source.read(offset, byteLength)).buffer)
      const [kind, ...rest] = name.split('/')
      if (kind === 'parameters') parameters.set(rest.join('/'), values)
      else optimizer.set(rest[0], (optimizer.get(rest[0]) ?? new Map()).set(rest.slice(1).join('/'), values))
    }
    return { step, row, parameters, optimizer }
  } finally {
    await source.close()
  }
}
