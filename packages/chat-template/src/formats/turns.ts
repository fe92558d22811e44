import type { ChatMessage } from '../messages'
import type { Segment } from '../segments'

/**
 * ChatML (OpenAI, 2023): each message is `<|im_start|>role`, a line end, its content, `<|im_end|>`, a line end.
 */
export const chatml = (messages: readonly ChatMessage[], addGenerationPrompt: boolean): Segment[] => [
  ...messages.flatMap(({ role, content }) => [
    { text: '<|im_start|>', special: true },
    { text: `${role}\n${content}`, special: false },
    { text: '<|im_end|>\n', special: true },
  ]),
  { text: addGenerationPrompt ? '<|im_start|>assistant\n' : '', special: true },
]

/**
 * Llama 3's format (its model card): BOS, then of each message its role as a header, and its content without white
 * space at the ends, up to `<|eot_id|>`.
 */
export const llama3 = (messages: readonly ChatMessage[], bosToken: string, addGenerationPrompt: boolean): Segment[] => [
  { text: bosToken, special: true },
  ...messages.flatMap(({ role, content }) => [
    { text: '<|start_header_id|>', special: true },
    { text: role, special: false },
    { text: '<|end_header_id|>\n\n', special: true },
    { text: content.trim(), special: false },
    { text: '<|eot_id|>', special: true },
  ]),
  { text: addGenerationPrompt ? '<|start_header_id|>assistant<|end_header_id|>\n\n' : '', special: true },
]
