export { lockFolder } from './node/lock'
export { latestStep, type Manifest, prune, type SavedStep, saveStep, stepFolders } from './node/saved'
