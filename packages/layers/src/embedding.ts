import { type Device, embedding, type Tensor } from '@cria/tensor'
import { TokenIdsError } from './errors'
import { Module, Parameter } from './module'

/** Ids of one sequence, or of a batch of sequences of one length. */
export type TokenIds = ArrayLike<number> | readonly ArrayLike<number>[]

const isBatch = (ids: TokenIds): ids is readonly ArrayLike<number>[] => typeof ids[0] === 'object'

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

  /**
   * @param ids one sequence [T], or a batch [B][T]
   * @returns [B, T, dim], where B is 1 for one sequence
   * @throws TokenIdsError for no ids, ids outside of the vocabulary, or sequences of different lengths
   */
  forward(ids: TokenIds): Tensor {
    const weight = this.weight.tensor
    using tokens = this.#upload(ids, weight.device)
    return embedding(tokens, weight)
  }

  #upload(ids: TokenIds, device: Device): Tensor {
    const batch = isBatch(ids) ? ids : [ids]
    const time = batch[0].length
    if (time === 0) throw new TokenIdsError('there must be at least one token id')
    const flat = new Float32Array(batch.length * time)
    for (const [b, sequence] of batch.entries()) {
      if (sequence.length !== time)
        throw new TokenIdsError(
          `sequences of a batch must be of one length; sequence ${b} has ${sequence.length} ids, not ${time}`,
        )
      for (let t = 0; t < time; t++) {
        const id = sequence[t]
        if (!(Number.isInteger(id) && id >= 0 && id < this.vocab))
          throw new TokenIdsError(`token id ${id} is not of this vocabulary of ${this.vocab}`)
        flat[b * time + t] = id
      }
    }
    return device.tensor(flat, [batch.length, time])
  }
}
