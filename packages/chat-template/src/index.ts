export {
  type BuiltInFormat,
  builtInFormats,
  type ChatTemplate,
  type ChatTemplateOptions,
  chatTemplate,
  type RenderOptions,
} from './chat-template'
export { Conversation, type ConversationOptions } from './conversation'
export { type ChatTokenizer, type EncodeChatOptions, encodeChat } from './encode'
export { ChatTemplateError, type ChatTemplateProblem } from './errors'
export type { Limits } from './jinja/budget'
export type { ChatMessage } from './messages'
export type { Segment } from './segments'
