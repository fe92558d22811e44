import { embedding, type Tensor } from '@cria/tensor'
import { TokenIdsError } from './errors'
import { Module, Parameter } from './module'

/** Token ids of one sequence. */
export type TokenIds = ArrayLike<number>

/**
 * Copies ids into an array that can be uploaded.
 * @throws TokenIdsError for no ids, or an id that is not below `vocab`
 */
export const checkTokenIds = (ids: TokenIds, vocab: number): Int32Array => {
  if (ids.length === 0) throw new TokenIdsError('there must be at least one token id')
  const checked = new Int32Array(ids.length)
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]
    if (!(Number.isInteger(id) && id >= 0 && id < vocab))
      throw new TokenIdsError(`token id ${id} is not in this vocabulary of ${vocab}`)
    checked[i] = id
  }
  return checked
}

/** A row of the table for each token. */
export class Embedding extends Module {
  /** [vocab, dim] */
  readonly weight: Parameter

  constructor(
    readonly vocab: number,
    dim: number,
  ) {
    super()
    this.weight = new Parameter([vocab, dim])
  }

  /** @param ids i32 [N], below `vocab`: see {@link checkTokenIds} @returns f32 [N, dim] @throws ShapeError */
  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight.tensor)
  }
}
