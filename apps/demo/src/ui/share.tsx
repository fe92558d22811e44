import { useState } from 'preact/hooks'
import { shareLink } from '../route'
import { problem } from '../state'

/** Copies a link that holds the view, the prompt and the seed. */
export const ShareButton = () => {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    const link = shareLink()
    try {
      await navigator.clipboard.writeText(link)
      setCopied(true)
      setTimeout(() => setCopied(false), 2500)
    } catch {
      problem.value = `The browser does not let this page copy. The link is: ${link}`
    }
  }
  return (
    <>
      <button type="button" class="quiet" onClick={copy} title="Copy a link with this view, prompt and seed">
        {copied ? 'Copied' : 'Share'}
      </button>
      <span class="only-read" role="status">
        {copied ? 'The link was copied' : ''}
      </span>
    </>
  )
}
