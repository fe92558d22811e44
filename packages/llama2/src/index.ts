export { ChatFormatError, type ChatMessage, type ChatTokenizer, encodeChat } from './chat'
export { Llama2, llama2Sizes } from './llama2'
