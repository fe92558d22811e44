/** A source of the LLaMA paper's mixture. */
export interface PublishedSource {
  readonly name: string
  /** Share of the tokens trained on. */
  readonly share: number
  /** Tokens of the source, each counted once. */
  readonly uniqueTokens: number
  /** Bytes on disk. */
  readonly diskBytes: number
}

/**
 * The mixture of LLaMA (H. Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, table 1). The paper
 * gives shares, disk sizes, and epochs for 1.4T tokens; the unique tokens follow from these.
 */
export const llamaMixture: readonly PublishedSource[] = [
  { name: 'CommonCrawl', share: 0.67, uniqueTokens: 853e9, diskBytes: 3.3e12 },
  { name: 'C4', share: 0.15, uniqueTokens: 198e9, diskBytes: 783e9 },
  { name: 'GitHub', share: 0.045, uniqueTokens: 98e9, diskBytes: 328e9 },
  { name: 'Wikipedia', share: 0.045, uniqueTokens: 25.7e9, diskBytes: 83e9 },
  { name: 'Books', share: 0.045, uniqueTokens: 28.3e9, diskBytes: 85e9 },
  { name: 'ArXiv', share: 0.025, uniqueTokens: 33.0e9, diskBytes: 92e9 },
  { name: 'StackExchange', share: 0.02, uniqueTokens: 27.2e9, diskBytes: 78e9 },
]
