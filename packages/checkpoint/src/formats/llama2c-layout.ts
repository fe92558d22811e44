import { headDim, type ModelConfig } from '../config'
import { resolveWeight, type Weight, weights } from '../names'

/** One run of a llama2.c file: a weight, or a table that is skipped. */
export type Run = { readonly weight: Weight } | { readonly skipped: string; readonly elements: number }

/** Weights of all layers that llama2.c puts one after the other, by the end of their Meta names. */
const orders = {
  v0: [
    'tok_embeddings',
    'attention_norm',
    'attention.wq',
    'attention.wk',
    'attention.wv',
    'attention.wo',
    'ffn_norm',
    'feed_forward.w1',
    'feed_forward.w2',
    'feed_forward.w3',
    'norm',
    // Rotary cosines and sines, [max_seq_len, head / 2] each: they follow from the config.
    'freq_cis_real',
    'freq_cis_imag',
    'output',
  ],
  v1: [
    'attention_norm',
    'ffn_norm',
    'norm',
    'tok_embeddings',
    'attention.wq',
    'attention.wk',
    'attention.wv',
    'attention.wo',
    'feed_forward.w1',
    'feed_forward.w2',
    'feed_forward.w3',
    'output',
  ],
} as const

/** The runs of a file in order: `v0` as `export.py --version 0`, `v1` as versions 1 and 2. */
export function* runs(layout: keyof typeof orders, config: ModelConfig): Generator<Run> {
  for (const name of orders[layout]) {
    if (name.startsWith('freq_cis')) {
      yield { skipped: name, elements: (config.max_seq_len * headDim(config)) / 2 }
      continue
    }
    if (name === 'output' && config.tied_output) continue
    for (const row of weights) {
      if (row.meta === `${name}.weight`) yield { weight: resolveWeight(row, config, 0) }
      if (row.meta !== `layers.N.${name}.weight`) continue
      for (let layer = 0; layer < config.n_layers; layer++) yield { weight: resolveWeight(row, config, layer) }
    }
  }
}
