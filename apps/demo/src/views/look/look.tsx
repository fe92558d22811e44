import './look.css'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { linkTo, panel } from '../../route'
import { model } from '../../state'
import { ModelLine } from '../write/model-line'
import { Attention } from './attention'
import { Chips } from './chips'
import { Layers } from './layers'
import { NextToken } from './next-token'
import { edit, inspection, look, looking, text } from './state'
import { Times } from './times'

const parts: readonly { readonly id: string; readonly name: string; readonly Show: ComponentType }[] = [
  { id: 'next', name: 'Next token', Show: NextToken },
  { id: 'attention', name: 'Attention', Show: Attention },
  { id: 'layers', name: 'Layer by layer', Show: Layers },
  { id: 'time', name: 'Time', Show: Times },
]

export const Look = () => {
  const { value: facts } = model
  useEffect(() => {
    if (facts && !inspection.value) void look()
  }, [facts])
  const { id: at, Show } = parts.find(({ id }) => id === panel.value) ?? parts[0]
  return (
    <>
      <div class="view-head">
        <h1>See what the model thinks</h1>
        <p>
          The model reads the text once. Choose a token to see what it expects to come next there, which tokens it looks
          at, and how its guess forms from layer to layer.
        </p>
      </div>
      {!facts && <ModelLine />}
      {facts && (
        <div class="look">
          <form
            class="card"
            onSubmit={event => {
              event.preventDefault()
              void look()
            }}
          >
            <label for="look-text">Text</label>
            <textarea
              id="look-text"
              class="story"
              rows={2}
              value={text.value}
              onInput={event => edit(event.currentTarget.value)}
            />
            <div class="buttons">
              <button type="submit" class="quiet" disabled={looking.value}>
                {looking.value ? 'Reading…' : 'Read this text'}
              </button>
            </div>
            <Chips />
          </form>
          <nav class="tabs" aria-label="What to look at">
            {parts.map(({ id, name }) => (
              <a key={id} href={linkTo('look', id)} aria-current={id === at ? 'page' : undefined}>
                {name}
              </a>
            ))}
          </nav>
          {inspection.value && <Show />}
        </div>
      )}
    </>
  )
}
