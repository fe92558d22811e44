export { mean } from './mean'
