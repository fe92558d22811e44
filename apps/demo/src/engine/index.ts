export { engine } from './engine'
export type * from './types'
