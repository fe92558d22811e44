import { describeConfig, publishedSizes } from 'cria'
import type { KvCacheFacts } from '../types'

/** The published sizes and what a token costs their cache, by the packages' own count. */
export const kvCaches = (): Promise<readonly KvCacheFacts[]> =>
  Promise.all(
    Object.entries(publishedSizes).map(async ([name, config]) => {
      const { parameters, kvBytesPerToken } = await describeConfig(config)
      const { n_heads: heads, n_kv_heads: kvHeads = heads } = config
      return { name, heads, kvHeads, parameters, bytesPerToken: kvBytesPerToken.f16 }
    }),
  )
