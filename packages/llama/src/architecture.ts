import type { CausalModel } from '@cria/attention-variants'
import type { Checkpoint, Metadata, WeightSpec } from '@cria/checkpoint'
import type { Device } from '@cria/tensor'

/**
 * Describes a kind of model: which files contain it, its config, the names of its weights, and its
 * layers. `loadModel(from, { architectures: [mine] })` loads with it.
 */
export interface Architecture<Config = unknown> {
  /** What errors call it. */
  readonly name: string
  /** Whether a checkpoint holds a model of this kind. See `hasModelType`. */
  matches(metadata: Metadata): boolean
  /**
   * The config in a checkpoint. See `readLlamaConfig`, which reads the settings that LLaMA has in any format.
   * @throws MalformedFileError @throws UnsupportedModelError, each with the name of the field
   */
  config(checkpoint: Checkpoint): Config | Promise<Config>
  /** The weights: their paths in the model, and their names and layouts in the files. See `llamaTensors`. */
  tensors(config: Config, checkpoint: Checkpoint): Iterable<WeightSpec>
  /** Whether a tensor that is not among the weights may be ignored. By default none may. */
  isDerived?(name: string, config: Config): boolean
  /** The layers. Their parameters have the paths of `tensors`, and get their values afterwards. */
  build(device: Device, config: Config): CausalModel
}
