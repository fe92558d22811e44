export { type MetaWeight, metaFiles } from './meta-files'
export { op, pickleStateDict, type TorchTensor, torchFile, type ZipFile, zip } from './torch-file'
