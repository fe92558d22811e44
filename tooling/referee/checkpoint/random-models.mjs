// Writes random tiny models as Hugging Face folders: every ratio of heads to key heads, both epsilons, every rope scaling,
// heads of another size, biases.
//   turbo run build --filter=@cria/llama && node tooling/referee/checkpoint/random-models.mjs FOLDER
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { saveFiles } from '../../../packages/checkpoint/dist/node.js'
import { llamaWeights, memoryLlama, resolveConfig, writeHuggingFace } from '../../../packages/llama/dist/index.js'
import { randomWeights } from '../../../packages/llama/test/checkpoint/random-weights.mjs'

const base = {
  ...{ dim: 64, n_layers: 2, n_heads: 8, n_kv_heads: 4, vocab_size: 64, hidden_dim: 96 },
  ...{ norm_eps: 1e-5, max_seq_len: 64, rope_theta: 10000, tied_output: false },
}

const yarn = { type: 'yarn', factor: 4, original_max_seq_len: 16, beta_fast: 32, beta_slow: 1 }
const llama3 = { type: 'llama3', factor: 4, low_freq_factor: 1, high_freq_factor: 4, original_max_seq_len: 16 }
const configs = {
  ...Object.fromEntries(
    [8, 4, 2, 1].flatMap(n_kv_heads =>
      [1e-5, 1e-6].map(norm_eps => [`heads 8:${n_kv_heads}, eps ${norm_eps}`, { ...base, n_kv_heads, norm_eps }]),
    ),
  ),
  'tied output': { ...base, tied_output: true },
  'theta 500000': { ...base, rope_theta: 500_000 },
  'linear scaling': { ...base, rope_scaling: { type: 'linear', factor: 4 } },
  'dynamic scaling': { ...base, rope_scaling: { type: 'dynamic', factor: 4, original_max_seq_len: 16 } },
  'llama3 scaling': { ...base, rope_scaling: llama3 },
  'heads of 12': { ...base, head_dim: 12 },
  'attention biases': { ...base, attention_bias: true },
  'feed-forward biases': { ...base, mlp_bias: true },
  'all of these': {
    ...{ ...base, head_dim: 16, tied_output: true, attention_bias: true, mlp_bias: true },
    ...{ rope_theta: 500, rope_scaling: { ...llama3, factor: 8 } },
  },
  'yarn scaling': { ...base, rope_scaling: { ...yarn, attention_factor: 0.1 * Math.log(4) + 1 } },
}

const folder = process.argv[2]
for (const [name, config] of Object.entries(configs)) {
  const weights = [...llamaWeights(resolveConfig(config))].map(({ path, shape }, t) => [path, randomWeights(t, shape)])
  await saveFiles(join(folder, name), writeHuggingFace(memoryLlama(config, new Map(weights))))
}
writeFileSync(join(folder, 'configs.json'), JSON.stringify(configs))
