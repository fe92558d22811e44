import {
  type Architecture,
  hasModelType,
  isDerivedTensor,
  llamaTensors,
  type ResolvedConfig,
  readLlamaConfig,
} from '@cria/llama'
import { llama2 } from './llama2'

/** LLaMA, LLaMA 2 and 3: all are of the type `llama`, and differ only in their configs. */
export const llama2Architecture: Architecture<ResolvedConfig> = {
  name: 'llama',
  matches: metadata => hasModelType(metadata, 'llama'),
  config: checkpoint => readLlamaConfig(checkpoint),
  tensors: llamaTensors,
  isDerived: isDerivedTensor,
  build: llama2,
}
