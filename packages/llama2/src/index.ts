export { llama2Architecture } from './architecture'
export { llama2, llama2Sizes } from './llama2'
