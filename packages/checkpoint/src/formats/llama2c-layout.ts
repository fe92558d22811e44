/** The sizes in the header of a llama2.c file. */
export interface Llama2cHeader {
  readonly version: 0 | 1 | 2
  readonly dim: number
  readonly hidden_dim: number
  readonly n_layers: number
  readonly n_heads: number
  readonly n_kv_heads: number
  readonly vocab_size: number
  readonly seq_len: number
  /** Whether the output projection is the token embedding, and the file has no `output.weight`. */
  readonly shared_classifier: boolean
}

/** One run of elements in a llama2.c file: a tensor, or a table that is not read. */
export interface Run {
  readonly name: string
  readonly shape: readonly number[]
  /** A table of rotary angles, which follows from the header. */
  readonly isTable: boolean
}

/** The names that llama2.c's `export.py` gives to tensors, without `layers.N.` and `.weight`, in the order of the file. */
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

type Name = (typeof orders)[keyof typeof orders][number]

const once: readonly Name[] = ['tok_embeddings', 'norm', 'output', 'freq_cis_real', 'freq_cis_imag']

const shapeOf = (name: Name, { dim, hidden_dim, n_heads, n_kv_heads, vocab_size, seq_len }: Llama2cHeader) => {
  const head = dim / n_heads
  const shapes: Readonly<Record<Name, readonly number[]>> = {
    tok_embeddings: [vocab_size, dim],
    attention_norm: [dim],
    'attention.wq': [dim, dim],
    'attention.wk': [head * n_kv_heads, dim],
    'attention.wv': [head * n_kv_heads, dim],
    'attention.wo': [dim, dim],
    ffn_norm: [dim],
    'feed_forward.w1': [hidden_dim, dim],
    'feed_forward.w2': [dim, hidden_dim],
    'feed_forward.w3': [hidden_dim, dim],
    norm: [dim],
    freq_cis_real: [seq_len, head / 2],
    freq_cis_imag: [seq_len, head / 2],
    output: [vocab_size, dim],
  }
  return shapes[name]
}

/** The runs of a file in order: version 0 as `run.c` reads it, versions 1 and 2 with all norms first. */
export function* llama2cRuns(header: Llama2cHeader): Generator<Run> {
  for (const name of orders[header.version === 0 ? 'v0' : 'v1']) {
    if (name === 'output' && header.shared_classifier) continue
    const shape = shapeOf(name, header)
    const isTable = name.startsWith('freq_cis')
    if (once.includes(name)) yield { name: isTable ? name : `${name}.weight`, shape, isTable }
    else
      for (let layer = 0; layer < header.n_layers; layer++)
        yield { name: `layers.${layer}.${name}.weight`, shape, isTable }
  }
}
