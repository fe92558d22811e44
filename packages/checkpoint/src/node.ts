export { openPath } from './node/open-path'
export { type SaveOptions, saveFile, saveFiles } from './node/save'
export { fileSource } from './sources/file'
