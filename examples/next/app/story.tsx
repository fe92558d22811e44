'use client'

import { type FormEvent, useState } from 'react'

/** A form, and the story as the server sends it. */
export function Story() {
  const [story, setStory] = useState('')
  const [busy, setBusy] = useState(false)

  async function goOn(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    setBusy(true)
    const prompt = String(new FormData(event.currentTarget).get('prompt'))
    setStory(prompt)
    const response = await fetch('/api/story', { method: 'POST', body: JSON.stringify({ prompt }) })
    if (!response.ok || !response.body) setStory(`The server answers ${response.status}.`)
    else {
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const text = part.value
        setStory(before => before + text)
      }
    }
    setBusy(false)
  }

  return (
    <form onSubmit={goOn}>
      <label>
        Beginning <input name="prompt" defaultValue="Once upon a time" />
      </label>
      <button type="submit" disabled={busy}>
        Go on
      </button>
      <output>{story}</output>
    </form>
  )
}
