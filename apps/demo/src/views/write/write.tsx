import { signal } from '@preact/signals'
import './write.css'
import { write, writing } from '../../actions'
import { go } from '../../route'
import { loading, model, prompt, written } from '../../state'
import { Segments } from '../../ui/fields'
import { Chat } from './chat'
import { Controls } from './controls'
import { Figures } from './figures'
import { ModelLine } from './model-line'
import { StartOrStop } from './start-or-stop'

const starts = ['Once upon a time', 'The little llama looked up and', 'One day, Lily found a', 'It was raining, so']

const isChatting = () => model.value?.canChat === true && mode.value === 'chat'

export const Write = () => (
  <>
    <div class="view-head">
      <h1>{isChatting() ? 'Chat with the model' : 'Let a small LLaMA write'}</h1>
      <p>
        {isChatting() ? 'Ask something and press Send.' : 'Give it the start of a story and press Write.'} The model
        runs in this tab, one piece of a word at a time, and you can look inside at every step.
      </p>
    </div>
    <div class="write">
      <div class="write-text">
        <ModelLine />
        {model.value?.canChat && (
          <Segments
            label="What to do"
            hideLabel
            value={mode.value}
            options={[
              { value: 'write', name: 'Write a text' },
              { value: 'chat', name: 'Chat' },
            ]}
            onChange={value => {
              mode.value = value
            }}
          />
        )}
        {isChatting() ? <Chat /> : <Writing />}
      </div>
      <Controls />
    </div>
  </>
)

const mode = signal<'write' | 'chat'>('write')

const Writing = () => (
  <>
    <form
      class="card"
      onSubmit={event => {
        event.preventDefault()
        void write()
      }}
    >
      <label for="prompt">Start of the text</label>
      <textarea
        id="prompt"
        class="story"
        rows={3}
        value={prompt.value}
        onInput={event => {
          prompt.value = event.currentTarget.value
        }}
        onKeyDown={event => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && model.value) void write()
        }}
      />
      <fieldset class="bare chips">
        <legend class="only-read">Or take one of these starts</legend>
        {starts.map(start => (
          <button
            key={start}
            type="button"
            class="chip"
            onClick={() => {
              prompt.value = start
            }}
          >
            {start} …
          </button>
        ))}
      </fieldset>
      <div class="buttons">
        <StartOrStop name="Write" disabled={!model.value} />
        <span class="hint">{whyNot() ?? 'Ctrl + Enter writes too'}</span>
      </div>
    </form>
    <Text />
  </>
)

const whyNot = (): string | undefined => {
  if (model.value) return undefined
  return loading.value ? 'The model is loading' : 'Open a model first'
}

/** The prompt and what followed it. */
const Text = () => {
  const { prompt: start, text } = written.value
  if (start === '' && text === '' && !writing.value) return null
  return (
    <section class="card" aria-labelledby="text-title">
      <h2 id="text-title" class="only-read">
        The text
      </h2>
      <p class="story text" aria-live="polite" aria-busy={writing.value}>
        <span class="given">{start}</span>
        <span class="made">{text}</span>
        {writing.value && <span class="caret" aria-hidden="true" />}
      </p>
      <Figures />
      {!writing.value && text !== '' && (
        <div class="buttons">
          <button type="button" class="quiet" onClick={() => go('look')}>
            Look inside this text
          </button>
        </div>
      )}
    </section>
  )
}
