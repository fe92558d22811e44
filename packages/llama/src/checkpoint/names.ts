import type { Checkpoint, WeightSpec } from '@cria/checkpoint'
import type { ResolvedConfig } from '../config'
import { interleavedRow } from './rotary-rows'

/** Legend of shapes: V vocabulary, D dim, Q rows of all query heads, K rows of all key heads, F width of the feed-forward. */
type Axis = 'V' | 'D' | 'Q' | 'K' | 'F'

/** One weight, and its name in each format. `N` stands for the layer. */
interface WeightRow {
  /** The name in Meta's checkpoints, which is also the path to the parameter in the model. */
  readonly path: string
  readonly huggingFace: string
  readonly gguf: string
  readonly shape: readonly Axis[]
  /** The axis along which Meta's model-parallel shards are cut. Vectors are whole in every shard. */
  readonly shardAxis?: 0 | 1
  /** Whether rotary embeddings rotate its rows: Hugging Face keeps them in halves, all others as interleaved pairs. */
  readonly rotary?: true
  /** The weight exists only with this setting. */
  readonly only?: 'attention_bias' | 'mlp_bias'
}

const norm = (path: string, huggingFace: string, gguf: string): WeightRow => ({ path, huggingFace, gguf, shape: ['D'] })

/** The linear layers of a block, by the middles of their names: all weights, then all biases, which exist only with a setting. */
const linears = (layers: readonly WeightRow[], only: NonNullable<WeightRow['only']>): WeightRow[] => {
  const named = (end: string, { path, huggingFace, gguf, ...layer }: WeightRow): WeightRow => ({
    ...layer,
    path: `layers.N.${path}.${end}`,
    huggingFace: `model.layers.N.${huggingFace}.${end}`,
    gguf: `blk.N.${gguf}.${end}`,
  })
  const biases = layers.map(({ shardAxis: _, shape: [out], ...layer }) => ({ ...layer, shape: [out], only }))
  return [...layers.map(layer => named('weight', layer)), ...biases.map(layer => named('bias', layer))]
}

/** All weights of a LLaMA in the order in which checkpoints are written. A matrix is [out, in]. */
const rows: readonly WeightRow[] = [
  {
    path: 'tok_embeddings.weight',
    huggingFace: 'model.embed_tokens.weight',
    gguf: 'token_embd.weight',
    shape: ['V', 'D'],
    shardAxis: 1,
  },
  norm('layers.N.attention_norm.weight', 'model.layers.N.input_layernorm.weight', 'blk.N.attn_norm.weight'),
  ...linears(
    [
      {
        path: 'attention.wq',
        huggingFace: 'self_attn.q_proj',
        gguf: 'attn_q',
        shape: ['Q', 'D'],
        shardAxis: 0,
        rotary: true,
      },
      {
        path: 'attention.wk',
        huggingFace: 'self_attn.k_proj',
        gguf: 'attn_k',
        shape: ['K', 'D'],
        shardAxis: 0,
        rotary: true,
      },
      { path: 'attention.wv', huggingFace: 'self_attn.v_proj', gguf: 'attn_v', shape: ['K', 'D'], shardAxis: 0 },
      { path: 'attention.wo', huggingFace: 'self_attn.o_proj', gguf: 'attn_output', shape: ['D', 'Q'], shardAxis: 1 },
    ],
    'attention_bias',
  ),
  norm('layers.N.ffn_norm.weight', 'model.layers.N.post_attention_layernorm.weight', 'blk.N.ffn_norm.weight'),
  ...linears(
    [
      { path: 'feed_forward.w1', huggingFace: 'mlp.gate_proj', gguf: 'ffn_gate', shape: ['F', 'D'], shardAxis: 0 },
      { path: 'feed_forward.w2', huggingFace: 'mlp.down_proj', gguf: 'ffn_down', shape: ['D', 'F'], shardAxis: 1 },
      { path: 'feed_forward.w3', huggingFace: 'mlp.up_proj', gguf: 'ffn_up', shape: ['F', 'D'], shardAxis: 0 },
    ],
    'mlp_bias',
  ),
  norm('norm.weight', 'model.norm.weight', 'output_norm.weight'),
  {
    path: 'output.weight',
    huggingFace: 'lm_head.weight',
    gguf: 'output.weight',
    shape: ['V', 'D'],
    shardAxis: 0,
  },
]

/** One weight of one model, with its names in all formats. */
export interface LlamaWeight {
  /** The name in Meta's checkpoints, which is also the path to the parameter in the model. */
  readonly path: string
  readonly huggingFace: string
  readonly gguf: string
  /** Outermost axis first. */
  readonly shape: readonly number[]
  readonly shardAxis: 0 | 1 | undefined
  /** Size of the heads whose rows are rotated; undefined if none are. */
  readonly rotaryHeadDim: number | undefined
}

const resolve = (row: WeightRow, config: ResolvedConfig, layer: number): LlamaWeight => {
  const size: Readonly<Record<Axis, number>> = {
    V: config.vocab_size,
    D: config.dim,
    Q: config.n_heads * config.head_dim,
    K: config.n_kv_heads * config.head_dim,
    F: config.hidden_dim,
  }
  const name = (pattern: string) => pattern.replace('N', String(layer))
  return {
    path: name(row.path),
    huggingFace: name(row.huggingFace),
    gguf: name(row.gguf),
    shape: row.shape.map(axis => size[axis]),
    shardAxis: row.shardAxis,
    rotaryHeadDim: row.rotary && config.head_dim,
  }
}

/** The weights of a model: the embedding, then layer by layer, then the last norm, and the output unless it is tied. */
export function* llamaWeights(config: ResolvedConfig): Generator<LlamaWeight> {
  const used = rows.filter(({ path, only }) => (path === 'output.weight' ? !config.tied_output : !only || config[only]))
  const [embedding, ...last] = used.filter(({ path }) => !path.includes('.N.'))
  const perLayer = used.filter(({ path }) => path.includes('.N.'))
  yield resolve(embedding, config, 0)
  for (let layer = 0; layer < config.n_layers; layer++) for (const row of perLayer) yield resolve(row, config, layer)
  for (const row of last) yield resolve(row, config, 0)
}

/** The name and layout of a weight in a Hugging Face folder. */
const huggingFaceSpec = (weight: LlamaWeight, { tied_output }: ResolvedConfig): WeightSpec => {
  const { path, huggingFace: name, shape, rotaryHeadDim } = weight
  if (rotaryHeadDim) return { path, name, shape, permuteRows: row => interleavedRow(row, rotaryHeadDim) }
  // safetensors keeps one of two tied tensors, under either name.
  if (tied_output && path === 'tok_embeddings.weight') return { path, name: [name, 'lm_head.weight'], shape }
  return { path, name, shape }
}

/** Where the weights of a model are in a checkpoint, for `selectWeights` of `@cria/checkpoint`. */
export function* llamaTensors(
  config: ResolvedConfig,
  { metadata, tensors }: Pick<Checkpoint, 'metadata' | 'tensors'>,
): Generator<WeightSpec> {
  for (const weight of llamaWeights(config)) {
    const { path, gguf, shape } = weight
    if (metadata.kind === 'gguf') yield { path, name: gguf, shape }
    else if (metadata.kind === 'huggingface') yield huggingFaceSpec(weight, config)
    else yield { path, name: path, shape, shardAxis: shardAxisOf(weight, tensors.get(path)?.shape) }
  }
}

/** LLaMA and LLaMA 2 cut the embedding along its columns, Llama 3 along its rows. */
const shardAxisOf = ({ path, shape, shardAxis }: LlamaWeight, shard: readonly number[] | undefined) =>
  path === 'tok_embeddings.weight' && shard?.[1] === shape[1] ? 0 : shardAxis

/** Tensors that some files have although they follow from the config: rotary frequencies, and copies of tied weights. */
const derived = [/^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/, /^rope\.freqs$/]

/** Whether a tensor that is not among the weights may be ignored. */
export const isDerivedTensor = (name: string, { tied_output, rope_scaling }: ResolvedConfig): boolean =>
  derived.some(pattern => pattern.test(name)) ||
  // transformers ties the output after loading, so a copy in the file does not count.
  (tied_output && name === 'lm_head.weight') ||
  // GGUF's form of this scaling.
  (rope_scaling?.type === 'llama3' && name === 'rope_freqs.weight')
