import { useState } from 'preact/hooks'
import { answer, writing } from '../../actions'
import { chat } from '../../state'
import { Figures } from './figures'
import { StartOrStop } from './start-or-stop'

/** A conversation, for models that were trained for it. */
export const Chat = () => {
  const [text, setText] = useState('')
  const messages = chat.value
  const send = () => {
    if (text.trim() === '' || writing.value) return
    void answer(text.trim())
    setText('')
  }
  return (
    <section class="card" aria-label="Chat">
      <ol class="messages" aria-live="polite" aria-busy={writing.value}>
        {messages.length === 0 && <li class="hint">Say something to the model. It answers here.</li>}
        {messages.map(({ role, content }, index) => (
          <li key={index} class={role === 'user' ? 'message mine' : 'message'}>
            <span class="only-read">{role === 'user' ? 'You:' : 'The model:'}</span>
            {content === '' ? '…' : content}
          </li>
        ))}
      </ol>
      {messages.length > 0 && <Figures />}
      <form
        class="field"
        onSubmit={event => {
          event.preventDefault()
          send()
        }}
      >
        <label for="message">Your message</label>
        <textarea
          id="message"
          rows={2}
          value={text}
          onInput={event => setText(event.currentTarget.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
              event.preventDefault()
              send()
            }
          }}
        />
        <div class="buttons">
          <StartOrStop name="Send" disabled={text.trim() === ''} />
          <button
            type="button"
            class="quiet"
            disabled={messages.length === 0 || writing.value}
            onClick={() => {
              chat.value = []
            }}
          >
            Start again
          </button>
          <span class="hint">Enter sends too</span>
        </div>
      </form>
    </section>
  )
}
