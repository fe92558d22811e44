export { type ExportRowsOptions, exportRows, type RowsManifest } from './node/export-rows'
export { gunzip } from './node/gunzip'
export {
  type OpenedMixture,
  type OpenedTokens,
  type OpenMixtureOptions,
  openMixture,
  openTokens,
  readMixtureConfig,
} from './node/open-mixture'
export { type ReadOptions, readDocuments } from './node/read-files'
export type { ShardFolder } from './node/shard-store'
export {
  readManifest,
  type TokenizeOptions,
  type TokenizeProgress,
  type TokenizeSource,
  tokenize,
  verifyShards,
} from './node/tokenize'
