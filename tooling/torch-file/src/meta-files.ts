import { type TorchTensor, torchFile } from './torch-file'

/** A weight under Meta's name. */
export interface MetaWeight {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
  /** The axis along which model-parallel shards are cut; undefined for what is whole in each. */
  readonly shardAxis: 0 | 1 | undefined
}

/** Part `index` of `count` of a matrix, cut along its axis. */
const cut = ({ data, shape: [rows, columns], shardAxis }: MetaWeight, index: number, count: number): Float32Array => {
  if (shardAxis === 0) return data.slice((index * rows * columns) / count, ((index + 1) * rows * columns) / count)
  const width = columns / count
  const out = new Float32Array(rows * width)
  for (let r = 0; r < rows; r++) {
    out.set(data.subarray(r * columns + index * width, r * columns + (index + 1) * width), r * width)
  }
  return out
}

const part = (weight: MetaWeight, index: number, count: number): TorchTensor => {
  const { name, shape, data, shardAxis } = weight
  if (shardAxis === undefined) return { name, shape, data }
  const size = shape.map((length, axis) => (axis === shardAxis ? length / count : length))
  return { name, shape: size, data: cut(weight, index, count) }
}

/** A model in the form of Meta's download: `params.json`, and `consolidated.NN.pth` in `count` shards, as bytes by name. */
export const metaFiles = (
  params: Readonly<Record<string, number>>,
  weights: readonly MetaWeight[],
  count: number,
  options?: { readonly zip64?: boolean },
): Map<string, Buffer> => {
  const files = new Map<string, Buffer>([['params.json', Buffer.from(JSON.stringify(params))]])
  for (let index = 0; index < count; index++) {
    const shard = weights.map(weight => part(weight, index, count))
    files.set(`consolidated.0${index}.pth`, torchFile(shard, undefined, options))
  }
  return files
}
