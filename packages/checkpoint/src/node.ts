export { fileSource, openPath } from './node/disk'
export { type SaveOptions, saveFile, saveFiles } from './node/save'
