import type { ModelConfig } from './config'

/** Legend of shapes: V vocabulary, D dim, Q query rows (dim), K key or value rows (n_kv_heads · head), F feed-forward. */
type Axis = 'V' | 'D' | 'Q' | 'K' | 'F'

/** One weight of the model, and what each format calls it. `N` stands for the layer. */
export interface WeightRow {
  readonly meta: string
  readonly huggingFace: string
  readonly gguf: string
  readonly shape: readonly Axis[]
  /** The axis along which Meta's model-parallel shards are cut; norms are whole in every shard. */
  readonly shardAxis?: 0 | 1
  /** Rows that rotary embeddings turn: Hugging Face keeps them in halves, all others as interleaved pairs. */
  readonly rotary?: 'n_heads' | 'n_kv_heads'
}

/** All weights of a LLaMA in the order that checkpoints are written in; `linear(x, w) = x · wᵀ`, so shapes are [out, in]. */
export const weights: readonly WeightRow[] = [
  {
    meta: 'tok_embeddings.weight',
    huggingFace: 'model.embed_tokens.weight',
    gguf: 'token_embd.weight',
    shape: ['V', 'D'],
    shardAxis: 1,
  },
  {
    meta: 'layers.N.attention_norm.weight',
    huggingFace: 'model.layers.N.input_layernorm.weight',
    gguf: 'blk.N.attn_norm.weight',
    shape: ['D'],
  },
  {
    meta: 'layers.N.attention.wq.weight',
    huggingFace: 'model.layers.N.self_attn.q_proj.weight',
    gguf: 'blk.N.attn_q.weight',
    shape: ['Q', 'D'],
    shardAxis: 0,
    rotary: 'n_heads',
  },
  {
    meta: 'layers.N.attention.wk.weight',
    huggingFace: 'model.layers.N.self_attn.k_proj.weight',
    gguf: 'blk.N.attn_k.weight',
    shape: ['K', 'D'],
    shardAxis: 0,
    rotary: 'n_kv_heads',
  },
  {
    meta: 'layers.N.attention.wv.weight',
    huggingFace: 'model.layers.N.self_attn.v_proj.weight',
    gguf: 'blk.N.attn_v.weight',
    shape: ['K', 'D'],
    shardAxis: 0,
  },
  {
    meta: 'layers.N.attention.wo.weight',
    huggingFace: 'model.layers.N.self_attn.o_proj.weight',
    gguf: 'blk.N.attn_output.weight',
    shape: ['D', 'Q'],
    shardAxis: 1,
  },
  {
    meta: 'layers.N.ffn_norm.weight',
    huggingFace: 'model.layers.N.post_attention_layernorm.weight',
    gguf: 'blk.N.ffn_norm.weight',
    shape: ['D'],
  },
  {
    meta: 'layers.N.feed_forward.w1.weight',
    huggingFace: 'model.layers.N.mlp.gate_proj.weight',
    gguf: 'blk.N.ffn_gate.weight',
    shape: ['F', 'D'],
    shardAxis: 0,
  },
  {
    meta: 'layers.N.feed_forward.w2.weight',
    huggingFace: 'model.layers.N.mlp.down_proj.weight',
    gguf: 'blk.N.ffn_down.weight',
    shape: ['D', 'F'],
    shardAxis: 1,
  },
  {
    meta: 'layers.N.feed_forward.w3.weight',
    huggingFace: 'model.layers.N.mlp.up_proj.weight',
    gguf: 'blk.N.ffn_up.weight',
    shape: ['F', 'D'],
    shardAxis: 0,
  },
  { meta: 'norm.weight', huggingFace: 'model.norm.weight', gguf: 'output_norm.weight', shape: ['D'] },
  { meta: 'output.weight', huggingFace: 'lm_head.weight', gguf: 'output.weight', shape: ['V', 'D'], shardAxis: 0 },
]

/**
 * Tensors that some files carry although they follow from the config (rotary frequencies): never weights, so never read.
 */
export const derivedTensors = [/^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/, /^rope\.freqs$/]

/** The naming schemes. */
export type Naming = 'meta' | 'huggingFace' | 'gguf'

/** A weight of one model: its row with the layer filled in. */
export interface Weight {
  readonly meta: string
  readonly huggingFace: string
  readonly gguf: string
  readonly shape: readonly number[]
  readonly shardAxis: 0 | 1 | undefined
  /** Heads whose rows are rotated; undefined where none are. */
  readonly rotaryHeads: number | undefined
}

/** A row of the table for one model and layer. */
export const resolveWeight = (row: WeightRow, config: ModelConfig, layer: number): Weight => {
  const size: Record<Axis, number> = {
    V: config.vocab_size,
    D: config.dim,
    Q: config.dim,
    K: (config.dim / config.n_heads) * config.n_kv_heads,
    F: config.hidden_dim,
  }
  const name = (pattern: string) => pattern.replace('N', String(layer))
  return {
    meta: name(row.meta),
    huggingFace: name(row.huggingFace),
    gguf: name(row.gguf),
    shape: row.shape.map(axis => size[axis]),
    shardAxis: row.shardAxis,
    rotaryHeads: row.rotary && config[row.rotary],
  }
}

/** The weights of a model: the embedding, then layer by layer, then the last norm and the output unless it is tied. */
export function* weightsOf(config: ModelConfig): Generator<Weight> {
  const perLayer = weights.filter(row => row.meta.includes('.N.'))
  const [embedding, ...last] = weights.filter(row => !row.meta.includes('.N.'))
  yield resolveWeight(embedding, config, 0)
  for (let layer = 0; layer < config.n_layers; layer++)
    for (const row of perLayer) yield resolveWeight(row, config, layer)
  for (const row of last) if (row.meta !== 'output.weight' || !config.tied_output) yield resolveWeight(row, config, 0)
}
