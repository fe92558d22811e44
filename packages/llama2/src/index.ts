export { llama2Architecture } from './architecture'
export { ChatFormatError, type ChatMessage, type ChatTokenizer, encodeChat } from './chat'
export { llama2, llama2Sizes } from './llama2'
