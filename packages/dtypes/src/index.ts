export { decode } from './decode'
export {
  byteLength,
  type DType,
  type DTypeInfo,
  type DTypeKind,
  dtypes,
  elementCount,
  isDType,
  rowLength,
} from './dtypes'
export { type EncodableDType, encodableDTypes, encode } from './encode'
export { EncodingError } from './errors'
export { bfloatToFloat, floatToBfloat, floatToHalf, halfTable, halfToFloat } from './half'
export { allocate, bytesOf, type StorageOf, type Storages, viewOf } from './storage'
